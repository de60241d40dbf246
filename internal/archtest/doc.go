// Package archtest holds the rules of how this module is built, as tests: which
// package may import which, what the data plane must not see, how files, names
// and comments are kept. It has no code of its own.
//
// A rule reads the parsed files of the module and returns findings; each says
// what to do. TestRules applies every rule to the module, TestRulesFire proves
// that each one notices a violation.
package archtest
