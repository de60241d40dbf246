package stun

import "testing"

func BenchmarkParse(b *testing.B) {
	for name, message := range map[string][]byte{
		"AllocateRequest": request(make([]byte, 16), IntegritySHA1),
		"SendIndication": build(func(b *Builder) {
			b.Add(AttrXORPeerAddress, []byte{0, 1, 0, 9, 192, 0, 2, 1})
			b.Add(AttrData, make([]byte, 1200))
		}),
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				m, err := Parse(message)
				if err != nil {
					b.Fatal(err)
				}
				sink += int(m.end)
			}
		})
	}
}

// BenchmarkSendIndication is what the server does for a Send indication: parse
// it, and read the peer's address and the data.
func BenchmarkSendIndication(b *testing.B) {
	message := build(func(b *Builder) {
		b.Add(AttrXORPeerAddress, []byte{0, 1, 0, 9, 192, 0, 2, 1})
		b.Add(AttrData, make([]byte, 1200))
	})
	b.ReportAllocs()
	for b.Loop() {
		m, err := Parse(message)
		if err != nil {
			b.Fatal(err)
		}
		peer, err := m.XORAddrPort(AttrXORPeerAddress)
		if err != nil {
			b.Fatal(err)
		}
		data, _ := m.Attribute(AttrData)
		sink += int(peer.Port()) + len(data)
	}
}

func BenchmarkAttributes(b *testing.B) {
	m, err := Parse(request(nil, IntegritySHA256))
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		for t, v := range m.Attributes() {
			sink += int(t) + len(v)
		}
	}
}

func BenchmarkCheckIntegrity(b *testing.B) {
	for _, i := range []Integrity{IntegritySHA1, IntegritySHA256} {
		b.Run(i.String(), func(b *testing.B) {
			key := make([]byte, 16*i)
			m, err := Parse(request(key, i))
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			b.SetBytes(int64(len(m.Bytes())))
			for b.Loop() {
				if err := m.CheckIntegrity(key); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkCheckFingerprint(b *testing.B) {
	m, err := Parse(request(nil, IntegritySHA1))
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if err := m.CheckFingerprint(); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkBuild(b *testing.B) {
	buf := make([]byte, 0, 512)
	algorithms := AppendPasswordAlgorithms(nil, PasswordSHA256, PasswordMD5)
	for _, i := range []Integrity{IntegritySHA1, IntegritySHA256} {
		b.Run("Success"+i.String(), func(b *testing.B) {
			key := make([]byte, 16*i)
			var builder Builder
			b.ReportAllocs()
			for b.Loop() {
				sink += len(respond(&builder, buf, key, i))
			}
		})
	}
	b.Run("401", func(b *testing.B) {
		var builder Builder
		b.ReportAllocs()
		for b.Loop() {
			sink += len(refuse(&builder, buf, algorithms))
		}
	})
	b.Run("DataIndication", func(b *testing.B) {
		var builder Builder
		peer := [8]byte{0, 1, 0, 9, 192, 0, 2, 1}
		b.ReportAllocs()
		for b.Loop() {
			builder.Reset(buf, NewMessageType(MethodData, ClassIndication), testID)
			builder.Add(AttrXORPeerAddress, peer[:])
			sink += builder.BeginData(1200)
		}
	})
}

func BenchmarkChannelData(b *testing.B) {
	frame := make([]byte, 1204)
	PutChannelHeader(frame, 0x4001, 1200)
	b.ReportAllocs()
	for b.Loop() {
		n, data, err := ParseChannelData(frame)
		if err != nil {
			b.Fatal(err)
		}
		PutChannelHeader(frame, n, len(data))
	}
}

func BenchmarkFrameLength(b *testing.B) {
	head := []byte{0x40, 1, 0x04, 0xB1}
	b.ReportAllocs()
	for b.Loop() {
		n, err := FrameLength(head)
		if err != nil {
			b.Fatal(err)
		}
		sink += n
	}
}
