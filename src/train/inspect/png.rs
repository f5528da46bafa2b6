//! Writing PNG (ISO/IEC 15948) without compression: pictures of weights are small.

/// The file of a picture of one channel (grey) or three (red, green and blue).
pub(super) fn encode(width: usize, height: usize, channels: usize, pixels: &[u8]) -> Vec<u8> {
    let mut file = b"\x89PNG\r\n\x1a\n".to_vec();
    let mut header = [width as u32, height as u32].map(u32::to_be_bytes).concat();
    let color = if channels == 1 { 0 } else { 2 };
    // Eight bits a channel, the only methods of compression and filtering, not interlaced.
    header.extend([8, color, 0, 0, 0]);
    chunk(&mut file, b"IHDR", &header);

    let rows = pixels.chunks_exact(width * channels);
    // Each row begins with the number of its filter, 0 for none.
    let filtered: Vec<u8> = rows.flat_map(|row| std::iter::once(&0).chain(row)).copied().collect();
    chunk(&mut file, b"IDAT", &zlib(&filtered));
    chunk(&mut file, b"IEND", &[]);
    file
}

fn chunk(file: &mut Vec<u8>, kind: &[u8; 4], data: &[u8]) {
    file.extend((data.len() as u32).to_be_bytes());
    let start = file.len();
    file.extend(kind);
    file.extend(data);
    file.extend(crc32(&file[start..]).to_be_bytes());
}

/// A zlib stream (RFC 1950) of stored blocks (RFC 1951).
fn zlib(data: &[u8]) -> Vec<u8> {
    const LONGEST: usize = 0xFFFF;
    let mut stream = vec![0x78, 0x01];
    let blocks = data.chunks(LONGEST);
    let last = blocks.len().saturating_sub(1);
    for (i, block) in blocks.enumerate() {
        let len = block.len() as u16;
        stream.push(u8::from(i == last));
        stream.extend(len.to_le_bytes());
        stream.extend((!len).to_le_bytes());
        stream.extend(block);
    }
    stream.extend(adler32(data).to_be_bytes());
    stream
}

fn adler32(data: &[u8]) -> u32 {
    const MODULUS: u32 = 65521;
    let (a, b) = data.iter().fold((1, 0), |(a, b), &byte| {
        let a = (a + u32::from(byte)) % MODULUS;
        (a, (a + b) % MODULUS)
    });
    b << 16 | a
}

fn crc32(data: &[u8]) -> u32 {
    let shift = |crc: u32| crc >> 1 ^ if crc & 1 == 1 { 0xEDB8_8320 } else { 0 };
    !data.iter().fold(!0, |crc, &byte| (0..8).fold(crc ^ u32::from(byte), |crc, _| shift(crc)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksums_are_those_of_the_standards() {
        // The check value of CRC-32 and the example of Adler-32 in wide use.
        assert_eq!(crc32(b"123456789"), 0xCBF4_3926);
        assert_eq!(adler32(b"Wikipedia"), 0x11E6_0398);
    }

    #[cfg(feature = "gzip")]
    #[test]
    fn the_stream_holds_the_rows_however_long_it_is() {
        use std::io::Read;

        let pixels: Vec<u8> = (0..300 * 300).map(|i| (i % 251) as u8).collect();
        let file = encode(300, 300, 1, &pixels);
        let start = file.windows(4).position(|window| window == b"IDAT").unwrap();
        let len = u32::from_be_bytes(file[start - 4..start].try_into().unwrap()) as usize;
        let mut rows = Vec::new();
        let stream = &file[start + 4..start + 4 + len];
        flate2::read::ZlibDecoder::new(stream).read_to_end(&mut rows).unwrap();
        let expected: Vec<u8> = pixels.chunks(300).flat_map(|row| [&[0], row].concat()).collect();
        assert!(rows == expected);
        assert!(file.ends_with(b"IEND\xAE\x42\x60\x82"));
    }
}
