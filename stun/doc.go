// Package stun reads and writes the wire format of STUN and TURN: messages,
// attributes, message integrity, fingerprints (RFC 8489) and ChannelData
// (RFC 8656 §12.4), with the attributes of RFC 5780, 6062, 7635 and 8016.
//
// A [Message] is a view over the bytes it was parsed from; a [Builder] appends
// to the caller's buffer. Neither allocates. The package does no I/O and keeps no
// state that a caller can observe.
//
// # Reading
//
// [Parse] checks what must hold for the message to be walked at all: the header
// and the bounds of every attribute. What an attribute holds is checked by the
// accessor that reads it. An accessor returns [ErrAbsent] or an error that
// matches [ErrMalformed]; none of them panics on a message that Parse returned.
//
// An attribute is honoured unless it follows the message's first integrity
// attribute. Behind MESSAGE-INTEGRITY, MESSAGE-INTEGRITY-SHA256 and FINGERPRINT
// are honoured still; behind MESSAGE-INTEGRITY-SHA256, only FINGERPRINT is
// (RFC 8489 §9). Anybody on the path can append the rest, so no accessor shows it.
// Where an attribute is repeated, accessors read its first occurrence (RFC 8489
// §14); [Message.Attributes] yields them all.
//
// # Writing
//
// [Builder.Reset] writes the header and each Add method appends one attribute,
// padded with zeros. A Builder remembers its first error, such as a message that
// grows too long: see [Builder.Err].
package stun
