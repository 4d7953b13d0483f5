package itispay

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"hash/adler32"
	"hash/crc32"

	"github.com/cointill/cointill/httpapi/internal/qr"
	"rsc.io/qr/coding"
)

// qrScale is the number of pixels per module: two modules are one byte of a picture with one bit per pixel. The code of a
// payment URI is 200 to 260 pixels wide; pages enlarge it without loss.
const qrScale = 4

// qrCode returns a PNG of a QR code as a data URI.
func qrCode(text string) (string, error) {
	var data coding.Encoding = coding.String(text)
	if coding.Alpha(text).Check() == nil {
		data = coding.Alpha(text)
	}
	code, err := qr.Encode(data)
	if err != nil {
		return "", fmt.Errorf("itispay: %w", err)
	}
	return string(base64.StdEncoding.AppendEncode([]byte("data:image/png;base64,"), picture(code))), nil
}

// picture returns a PNG (RFC 2083) of the code with a margin of four modules, one bit per pixel.
func picture(c *coding.Code) []byte {
	side := uint32((c.Size + 8) * qrScale)
	header := binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, side), side)
	out := []byte("\x89PNG\r\n\x1a\n")
	out = chunk(out, "IHDR", append(header, 1, 0, 0, 0, 0)) // bits per pixel, gray, and fields with only one value
	out = chunk(out, "IDAT", compressed(c))
	return chunk(out, "IEND", nil)
}

func chunk(out []byte, name string, data []byte) []byte {
	out = binary.BigEndian.AppendUint32(out, uint32(len(data)))
	start := len(out)
	out = append(append(out, name...), data...)
	return binary.BigEndian.AppendUint32(out, crc32.ChecksumIEEE(out[start:]))
}

// compressed returns the picture's lines in the zlib format (RFC 1950): one line of each row of modules is written, and the
// other lines of the row refer to it.
func compressed(c *coding.Code) []byte {
	length := 1 + (c.Size+8+1)/2 // of a line, with the filter in front
	line := make([]byte, length)
	sum := adler32.New()
	d := deflater{out: append(make([]byte, 0, 2048), 0x78, 0x01), distance: length}
	d.begin()
	for y := -4; y < c.Size+4; y++ {
		margin := y < 0 || y >= c.Size
		if y == -4 || y == c.Size || !margin {
			fill(line, c, y)
			for _, b := range line {
				d.literal(b)
			}
			d.repeat((qrScale - 1) * length)
		} else {
			d.repeat(qrScale * length)
		}
		for range qrScale {
			sum.Write(line) // a hash never fails
		}
	}
	return binary.BigEndian.AppendUint32(d.end(), sum.Sum32())
}

// fill writes a row of modules as a line of pixels, with 0 for black. A code has 4n+1 modules in a row, with white bits
// behind them, so that each byte always has two modules.
func fill(line []byte, c *coding.Code, y int) {
	for i := range line[1:] {
		line[1+i] = 0xff
	}
	if y < 0 || y >= c.Size {
		return
	}
	row := c.Bitmap[y*c.Stride : (y+1)*c.Stride]
	for x := 0; x < c.Size; x += 2 {
		line[1+2+x/2] = [4]byte{0xff, 0xf0, 0x0f, 0x00}[row[x/8]>>(6-x%8)&3]
	}
}

// deflater writes one block of DEFLATE (RFC 1951) with codes made for pictures of two modules per byte: two bits
// for two modules of one colour, three for others, seven for anything else, and one distance.
type deflater struct {
	out      []byte
	distance int // of all repetitions
	bits     uint64
	n        uint // of bits
}

var (
	// 0x01 and 0x02 do not occur; a code must be complete.
	literalLengths = func() (l [286]uint8) {
		l[0x00], l[0xff], l[0x0f], l[0xf0], l[0x01], l[0x02] = 2, 2, 3, 3, 7, 7
		for i := 256; i < len(l); i++ {
			l[i] = 7
		}
		return l
	}()
	literalCodes = canonical(literalLengths[:])
	// lengthLengths holds the lengths of the codes in which the above is written: eight of three bits.
	lengthLengths = [19]uint8{0: 3, 1: 3, 2: 3, 3: 3, 7: 3, 16: 3, 17: 3, 18: 3}
	lengthCodes   = canonical(lengthLengths[:])
	lengthOrder   = [18]uint8{16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1}
)

// canonical returns the codes of the lengths (RFC 1951, 3.2.2), with the first bit lowest.
func canonical(lengths []uint8) []uint16 {
	codes := make([]uint16, len(lengths))
	next := uint16(0)
	for bits := uint8(1); bits <= 15; bits++ {
		for symbol, l := range lengths {
			if l != bits {
				continue
			}
			for i := range bits {
				codes[symbol] |= next >> i & 1 << (bits - 1 - i)
			}
			next++
		}
		next <<= 1
	}
	return codes
}

func (d *deflater) put(value, n uint) {
	d.bits |= uint64(value) << d.n
	for d.n += n; d.n >= 8; d.n -= 8 {
		d.out = append(d.out, byte(d.bits))
		d.bits >>= 8
	}
}

func (d *deflater) literal(symbol byte) { d.symbol(int(symbol)) }

func (d *deflater) symbol(s int) { d.put(uint(literalCodes[s]), uint(literalLengths[s])) }

// begin writes the header of the last block, with its codes (RFC 1951, 3.2.7).
func (d *deflater) begin() {
	code, _, _ := distanceCode(d.distance)
	d.put(1, 1)
	d.put(2, 2)
	d.put(uint(len(literalLengths)-257), 5)
	d.put(uint(code), 5)
	d.put(uint(len(lengthOrder)-4), 4)
	for _, symbol := range lengthOrder {
		d.put(uint(lengthLengths[symbol]), 3)
	}
	lengths := append(literalLengths[:len(literalLengths):len(literalLengths)], make([]uint8, code+1)...)
	lengths[len(lengths)-1] = 1
	for i := 0; i < len(lengths); {
		run := 1
		for i+run < len(lengths) && lengths[i+run] == lengths[i] {
			run++
		}
		d.run(lengths[i], run)
		i += run
	}
}

// run writes a length of codes that is repeated the given number of times.
func (d *deflater) run(length uint8, times int) {
	put := func(symbol uint8) { d.put(uint(lengthCodes[symbol]), uint(lengthLengths[symbol])) }
	if length != 0 {
		put(length)
		times--
	}
	for times > 0 {
		var n int
		switch {
		case length == 0 && times >= 11:
			n = min(times, 138)
			put(18)
			d.put(uint(n-11), 7)
		case length == 0 && times >= 3:
			n = times
			put(17)
			d.put(uint(n-3), 3)
		case times >= 3:
			n = min(times, 6)
			put(16)
			d.put(uint(n-3), 2)
		default:
			n = 1
			put(length)
		}
		times -= n
	}
}

// repeat copies n bytes from the distance, n at least 3.
func (d *deflater) repeat(n int) {
	_, extra, bits := distanceCode(d.distance)
	for n > 0 {
		part := min(n, 258)
		if n-part == 1 || n-part == 2 {
			part -= 3 // the rest must be at least 3
		}
		d.length(part)
		d.put(0, 1) // the only distance
		d.put(uint(extra), bits)
		n -= part
	}
}

// length writes the length of a copy (RFC 1951, 3.2.5). Eight lengths have a code each, then groups of four codes have one
// more bit than the group before, and the longest length has its own code.
func (d *deflater) length(n int) {
	switch n -= 3; {
	case n == 255:
		d.symbol(285)
	case n < 8:
		d.symbol(257 + n)
	default:
		bits := uint(1)
		for n >= 8<<bits {
			bits++
		}
		d.symbol(257 + 4*int(bits) + n>>bits)
		d.put(uint(n)&(1<<bits-1), bits)
	}
}

// distanceCode returns the code of a distance of at least 5, and its extra bits. Each pair of codes has one more extra bit
// than the pair before.
func distanceCode(distance int) (code, extra int, bits uint) {
	n := distance - 1
	for bits = 1; n >= 4<<bits; bits++ {
	}
	return 2*int(bits) + n>>bits, n & (1<<bits - 1), bits
}

func (d *deflater) end() []byte {
	d.symbol(256)
	if d.n > 0 {
		d.put(0, 8-d.n)
	}
	return d.out
}
