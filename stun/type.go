package stun

import "fmt"

// A Method is a STUN method: 12 bits, of which RFC 8489 §18.2 assigns the low 8.
type Method uint16

// The methods of RFC 8489 §18.2, RFC 8656 §17 and RFC 6062 §6.1.
const (
	MethodBinding           Method = 0x001
	MethodAllocate          Method = 0x003
	MethodRefresh           Method = 0x004
	MethodSend              Method = 0x006 // indication only
	MethodData              Method = 0x007 // indication only
	MethodCreatePermission  Method = 0x008
	MethodChannelBind       Method = 0x009
	MethodConnect           Method = 0x00A
	MethodConnectionBind    Method = 0x00B
	MethodConnectionAttempt Method = 0x00C // indication only
)

// String is the method's name in the RFC, or its number in hexadecimal.
func (m Method) String() string {
	switch m {
	case MethodBinding:
		return "Binding"
	case MethodAllocate:
		return "Allocate"
	case MethodRefresh:
		return "Refresh"
	case MethodSend:
		return "Send"
	case MethodData:
		return "Data"
	case MethodCreatePermission:
		return "CreatePermission"
	case MethodChannelBind:
		return "ChannelBind"
	case MethodConnect:
		return "Connect"
	case MethodConnectionBind:
		return "ConnectionBind"
	case MethodConnectionAttempt:
		return "ConnectionAttempt"
	}
	return fmt.Sprintf("0x%03x", uint16(m))
}

// A Class is a STUN message class: 2 bits (RFC 8489 §5).
type Class uint8

const (
	ClassRequest    Class = 0b00
	ClassIndication Class = 0b01
	ClassSuccess    Class = 0b10
	ClassError      Class = 0b11
)

// String is the class's name in the RFC, or its number.
func (c Class) String() string {
	switch c {
	case ClassRequest:
		return "request"
	case ClassIndication:
		return "indication"
	case ClassSuccess:
		return "success response"
	case ClassError:
		return "error response"
	}
	return fmt.Sprintf("class %d", uint8(c))
}

// A MessageType is method and class as they stand in the first 16 bits of the
// header: the two class bits sit at 0x0100 and 0x0010, between bits of the
// method (RFC 8489 §5, figure 3).
type MessageType uint16

// NewMessageType joins a method and a class. Bits beyond the method's 12 and
// the class's 2 are left out.
func NewMessageType(m Method, c Class) MessageType {
	return MessageType(uint16(m)&0xF80<<2 | uint16(m)&0x070<<1 | uint16(m)&0x00F |
		uint16(c)&0b10<<7 | uint16(c)&0b01<<4)
}

// Method is the method in t.
func (t MessageType) Method() Method {
	return Method(t&0x3E00>>2 | t&0x00E0>>1 | t&0x000F)
}

// Class is the class in t.
func (t MessageType) Class() Class {
	return Class(t&0x0100>>7 | t&0x0010>>4)
}

// String is such as "Allocate error response".
func (t MessageType) String() string {
	return t.Method().String() + " " + t.Class().String()
}
