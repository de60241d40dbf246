package stun

import "fmt"

// An AttributeType names an attribute (RFC 8489 §14).
type AttributeType uint16

// Comprehension-required attributes: an agent that does not know one of them
// cannot process the message.
const (
	AttrMappedAddress          AttributeType = 0x0001 // RFC 8489 §14.1: Message.AddrPort
	AttrChangeRequest          AttributeType = 0x0003 // RFC 5780 §7.2: Message.ChangeRequest
	AttrUsername               AttributeType = 0x0006 // RFC 8489 §14.3: text
	AttrMessageIntegrity       AttributeType = 0x0008 // RFC 8489 §14.5: Message.CheckIntegrity
	AttrErrorCode              AttributeType = 0x0009 // RFC 8489 §14.8: Message.ErrorCode
	AttrUnknownAttributes      AttributeType = 0x000A // RFC 8489 §14.13: Message.UnknownAttributes
	AttrChannelNumber          AttributeType = 0x000C // RFC 8656 §18.1: Message.ChannelNumber
	AttrLifetime               AttributeType = 0x000D // RFC 8656 §18.2: seconds, Message.Uint32
	AttrXORPeerAddress         AttributeType = 0x0012 // RFC 8656 §18.3: Message.XORAddrPort
	AttrData                   AttributeType = 0x0013 // RFC 8656 §18.4: bytes
	AttrRealm                  AttributeType = 0x0014 // RFC 8489 §14.9: text
	AttrNonce                  AttributeType = 0x0015 // RFC 8489 §14.10: text
	AttrXORRelayedAddress      AttributeType = 0x0016 // RFC 8656 §18.5: Message.XORAddrPort
	AttrRequestedAddressFamily AttributeType = 0x0017 // RFC 8656 §18.6: a Family, Message.Uint8 of 4 bytes
	AttrEvenPort               AttributeType = 0x0018 // RFC 8656 §18.7: Message.EvenPort
	AttrRequestedTransport     AttributeType = 0x0019 // RFC 8656 §18.8: a protocol number, Message.Uint8 of 4 bytes
	AttrDontFragment           AttributeType = 0x001A // RFC 8656 §18.9: no value
	AttrAccessToken            AttributeType = 0x001B // RFC 7635 §6.2: Message.AccessToken
	AttrMessageIntegritySHA256 AttributeType = 0x001C // RFC 8489 §14.6: Message.CheckIntegrity
	AttrPasswordAlgorithm      AttributeType = 0x001D // RFC 8489 §14.12: Message.PasswordAlgorithm
	AttrUserhash               AttributeType = 0x001E // RFC 8489 §14.4: Message.Userhash
	AttrXORMappedAddress       AttributeType = 0x0020 // RFC 8489 §14.2: Message.XORAddrPort
	AttrReservationToken       AttributeType = 0x0022 // RFC 8656 §18.10: Message.ReservationToken
	AttrPadding                AttributeType = 0x0026 // RFC 5780 §7.6: bytes of no meaning
	AttrResponsePort           AttributeType = 0x0027 // RFC 5780 §7.5: Message.ResponsePort
	AttrConnectionID           AttributeType = 0x002A // RFC 6062 §6.2.1: Message.Uint32
)

// Comprehension-optional attributes: an agent that does not know one of them
// ignores it.
const (
	AttrAdditionalAddressFamily AttributeType = 0x8000 // RFC 8656 §18.11: a Family, Message.Uint8 of 4 bytes
	AttrAddressErrorCode        AttributeType = 0x8001 // RFC 8656 §18.12: Message.AddressErrorCode
	AttrPasswordAlgorithms      AttributeType = 0x8002 // RFC 8489 §14.11: Message.PasswordAlgorithms
	AttrAlternateDomain         AttributeType = 0x8003 // RFC 8489 §14.16: text
	AttrICMP                    AttributeType = 0x8004 // RFC 8656 §18.13: Message.ICMP
	AttrSoftware                AttributeType = 0x8022 // RFC 8489 §14.14: text
	AttrAlternateServer         AttributeType = 0x8023 // RFC 8489 §14.15: Message.AddrPort
	AttrCacheTimeout            AttributeType = 0x8027 // RFC 5780 §9.1: a number without a layout
	AttrFingerprint             AttributeType = 0x8028 // RFC 8489 §14.7: Message.CheckFingerprint
	AttrResponseOrigin          AttributeType = 0x802B // RFC 5780 §7.3: Message.AddrPort
	AttrOtherAddress            AttributeType = 0x802C // RFC 5780 §7.4: Message.AddrPort
	AttrThirdPartyAuthorization AttributeType = 0x802E // RFC 7635 §6.1: text, the STUN server's name
	AttrMobilityTicket          AttributeType = 0x8030 // RFC 8016 §3.3: bytes, none in a request for a ticket
)

var attributeNames = map[AttributeType]string{
	AttrMappedAddress:           "MAPPED-ADDRESS",
	AttrChangeRequest:           "CHANGE-REQUEST",
	AttrUsername:                "USERNAME",
	AttrMessageIntegrity:        "MESSAGE-INTEGRITY",
	AttrErrorCode:               "ERROR-CODE",
	AttrUnknownAttributes:       "UNKNOWN-ATTRIBUTES",
	AttrChannelNumber:           "CHANNEL-NUMBER",
	AttrLifetime:                "LIFETIME",
	AttrXORPeerAddress:          "XOR-PEER-ADDRESS",
	AttrData:                    "DATA",
	AttrRealm:                   "REALM",
	AttrNonce:                   "NONCE",
	AttrXORRelayedAddress:       "XOR-RELAYED-ADDRESS",
	AttrRequestedAddressFamily:  "REQUESTED-ADDRESS-FAMILY",
	AttrEvenPort:                "EVEN-PORT",
	AttrRequestedTransport:      "REQUESTED-TRANSPORT",
	AttrDontFragment:            "DONT-FRAGMENT",
	AttrAccessToken:             "ACCESS-TOKEN",
	AttrMessageIntegritySHA256:  "MESSAGE-INTEGRITY-SHA256",
	AttrPasswordAlgorithm:       "PASSWORD-ALGORITHM",
	AttrUserhash:                "USERHASH",
	AttrXORMappedAddress:        "XOR-MAPPED-ADDRESS",
	AttrReservationToken:        "RESERVATION-TOKEN",
	AttrPadding:                 "PADDING",
	AttrResponsePort:            "RESPONSE-PORT",
	AttrConnectionID:            "CONNECTION-ID",
	AttrAdditionalAddressFamily: "ADDITIONAL-ADDRESS-FAMILY",
	AttrAddressErrorCode:        "ADDRESS-ERROR-CODE",
	AttrPasswordAlgorithms:      "PASSWORD-ALGORITHMS",
	AttrAlternateDomain:         "ALTERNATE-DOMAIN",
	AttrICMP:                    "ICMP",
	AttrSoftware:                "SOFTWARE",
	AttrAlternateServer:         "ALTERNATE-SERVER",
	AttrCacheTimeout:            "CACHE-TIMEOUT",
	AttrFingerprint:             "FINGERPRINT",
	AttrResponseOrigin:          "RESPONSE-ORIGIN",
	AttrOtherAddress:            "OTHER-ADDRESS",
	AttrThirdPartyAuthorization: "THIRD-PARTY-AUTHORIZATION",
	AttrMobilityTicket:          "MOBILITY-TICKET",
}

// String is the attribute's name in its RFC, or its number in hexadecimal.
func (t AttributeType) String() string {
	if name, ok := attributeNames[t]; ok {
		return name
	}
	return fmt.Sprintf("0x%04x", uint16(t))
}

// Required reports whether t is comprehension-required: 0x0000 to 0x7FFF
// (RFC 8489 §14).
func (t AttributeType) Required() bool { return t < 0x8000 }

// An AttributeSet is a set of comprehension-required attribute types below
// 0x40, where all that the RFCs of this package define are found. The zero
// value is the empty set.
type AttributeSet uint64

// NewAttributeSet is the set of ts. Comprehension-optional types are left out,
// since nobody has to know them; a required type of 0x40 or above cannot be a
// member and panics.
func NewAttributeSet(ts ...AttributeType) AttributeSet {
	var s AttributeSet
	for _, t := range ts {
		switch {
		case t < 0x40:
			s |= 1 << t
		case t.Required():
			panic("stun: " + t.String() + " does not fit an AttributeSet")
		}
	}
	return s
}

// Has reports whether t is in s.
func (s AttributeSet) Has(t AttributeType) bool { return t < 0x40 && s>>t&1 == 1 }
