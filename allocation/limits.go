package allocation

// SetLimits changes how many permissions and channels an allocation may have, both families together; 0 is 1024. What is
// above a limit already lives on, and can be refreshed.
func (t *Table) SetLimits(permissions, channels int) {
	if permissions == 0 {
		permissions = defaultPermissions
	}
	if channels == 0 {
		channels = defaultChannels
	}
	t.maxPermissions, t.maxChannels = permissions, channels
	t.mostPermissions = max(t.mostPermissions, permissions)
	t.mostChannels = max(t.mostChannels, channels)
}
