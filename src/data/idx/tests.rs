use std::io;

use super::*;

/// A file with this header and these bytes of values.
fn file(code: u8, sizes: &[u32], values: &[u8]) -> Vec<u8> {
    let sizes_stored = sizes.iter().flat_map(|size| size.to_be_bytes());
    [0, 0, code, sizes.len() as u8]
        .into_iter()
        .chain(sizes_stored)
        .chain(values.iter().copied())
        .collect()
}

/// Two images of 2x3.
fn images() -> Vec<u8> {
    file(0x08, &[2, 2, 3], &[0, 51, 102, 153, 204, 255, 1, 2, 3, 4, 5, 6])
}

fn message(bytes: &[u8]) -> String {
    read(bytes, "file").unwrap_err().to_string()
}

/// Counts what is read from it.
struct Counted<R> {
    reader: R,
    bytes: usize,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.reader.read(buffer)?;
        self.bytes += count;
        Ok(count)
    }
}

#[test]
fn images_are_scaled_to_one() {
    let images = read(&images()[..], "images").unwrap().to_images().unwrap();
    assert_eq!(*images.shape(), [2, 2, 3].into());
    assert_eq!(images.data()[..6], [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]);
    assert_eq!(images.data()[6], 1.0 / 255.0);
}

#[test]
fn every_type_of_value_is_read() {
    let cases: [(u8, &[u8], [f64; 2]); 6] = [
        (0x08, &[0, 255], [0.0, 255.0]),
        (0x09, &[127, 128], [127.0, -128.0]),
        (0x0b, &[1, 2, 0xff, 0xfe], [258.0, -2.0]),
        (0x0c, &[0, 1, 0, 1, 0xff, 0xff, 0xff, 0xff], [65537.0, -1.0]),
        (0x0d, &[0x3f, 0x80, 0, 0, 0xc0, 0x20, 0, 0], [1.0, -2.5]),
        (0x0e, &[0x3f, 0xe0, 0, 0, 0, 0, 0, 0, 0xc0, 0, 0, 0, 0, 0, 0, 0], [0.5, -2.0]),
    ];
    for (code, values, want) in cases {
        let idx = read(&file(code, &[2], values)[..], "values").unwrap();
        assert_eq!(*idx.shape(), [2].into());
        assert_eq!(idx.to_tensor::<f64>().unwrap(), Tensor::from(want));
        assert_eq!(idx.to_tensor::<f32>().unwrap(), Tensor::from(want).cast());
    }
}

#[test]
fn labels_are_whole_numbers_on_one_axis() {
    let labels = |code, sizes: &[u32], values: &[u8]| {
        let idx = read(&file(code, sizes, values)[..], "labels").unwrap();
        idx.to_labels().map_err(|error| error.to_string())
    };
    assert_eq!(labels(0x08, &[3], &[9, 0, 255]), Ok(Indices::from([9, 0, 255])));
    assert_eq!(labels(0x0c, &[1], &[0, 1, 0, 0]), Ok(Indices::from([65536])));
    assert_eq!(labels(0x0d, &[1], &[0x40, 0x40, 0, 0]), Ok(Indices::from([3])));

    let cases: [(u8, &[u32], &[u8], &str); 4] = [
        (0x08, &[1, 2], &[1, 2], "labels, sizes: expected [labels], found [1, 2]"),
        (
            0x09,
            &[3],
            &[1, 255, 254],
            "labels, label of row 1: expected a whole number from 0 to 4294967295, found -1",
        ),
        (
            0x0d,
            &[1],
            &[0x3f, 0, 0, 0],
            "labels, label of row 0: expected a whole number from 0 to 4294967295, found 0.5",
        ),
        (
            0x0d,
            &[1],
            &[0x7f, 0xc0, 0, 0],
            "labels, label of row 0: expected a whole number from 0 to 4294967295, found NaN",
        ),
    ];
    for (code, sizes, values, message) in cases {
        assert_eq!(labels(code, sizes, values), Err(message.to_owned()));
    }
}

#[test]
fn images_are_bytes_on_three_axes() {
    for (code, sizes, values, message) in [
        (
            0x09,
            &[1, 1, 1][..],
            &[1][..],
            "images, type of the values: expected unsigned bytes, found signed bytes",
        ),
        (0x08, &[2], &[1, 2], "images, sizes: expected [images, rows, columns], found [2]"),
    ] {
        let idx = read(&file(code, sizes, values)[..], "images").unwrap();
        assert_eq!(idx.to_images().unwrap_err().to_string(), message);
    }
}

#[test]
fn hostile_headers_are_errors() {
    const MAX: u32 = u32::MAX;
    let cases: [(Vec<u8>, &str); 11] = [
        (vec![], "file, header: expected 4 bytes, found 0"),
        (vec![0, 1, 8, 1], "file, header: expected two zero bytes, found 00 01"),
        (
            file(0x0a, &[1], &[0]),
            "file, type of the values: expected 08, 09, 0b, 0c, 0d or 0e, found 0a",
        ),
        (file(0x08, &[], &[0]), "file, number of axes: expected 1 to 32, found 0"),
        (file(0x08, &[1; 255], &[0]), "file, number of axes: expected 1 to 32, found 255"),
        (vec![0, 0, 8, 255], "file, number of axes: expected 1 to 32, found 255"),
        (
            file(0x08, &[MAX, MAX, MAX], &[0; 9]),
            "file, sizes: expected a product that fits in memory, \
             found [4294967295, 4294967295, 4294967295]",
        ),
        // A 0 does not excuse the other sizes.
        (
            file(0x08, &[0, MAX, MAX, MAX], &[]),
            "file, sizes: expected a product that fits in memory, \
             found [0, 4294967295, 4294967295, 4294967295]",
        ),
        (
            file(0x0e, &[1 << 31, 1 << 30], &[]),
            "file, sizes: expected a product that fits in memory, found [2147483648, 1073741824]",
        ),
        // Four exabytes and four gigabytes: never allocated.
        (
            file(0x08, &[1 << 31, 1 << 31], &[7; 5]),
            "file, values: expected 4611686018427387904 bytes, found 5",
        ),
        (file(0x08, &[MAX], &[7; 5]), "file, values: expected 4294967295 bytes, found 5"),
    ];
    for (bytes, want) in cases {
        assert_eq!(message(&bytes), want);
    }
}

#[test]
fn no_images_are_no_error() {
    let none = read(&file(0x08, &[0, 28, 28], &[])[..], "none").unwrap().to_images().unwrap();
    assert_eq!(*none.shape(), [0, 28, 28].into());
}

#[test]
fn every_truncation_is_an_error() {
    let whole = images();
    assert!(read(&whole[..], "file").is_ok());
    for end in 0..whole.len() {
        assert!(matches!(read(&whole[..end], "file"), Err(Error::Format { .. })), "{end}");
    }
    assert_eq!(message(&whole[..3]), "file, header: expected 4 bytes, found 3");
    assert_eq!(message(&whole[..10]), "file, sizes: expected 12 bytes, found 6");
    assert_eq!(message(&whole[..20]), "file, values: expected 12 bytes, found 4");
}

#[test]
fn no_change_of_a_byte_panics() {
    let whole = images();
    for at in 0..whole.len() {
        for byte in 0..=u8::MAX {
            let mut changed = whole.clone();
            changed[at] = byte;
            if let Ok(idx) = read(&changed[..], "file") {
                assert!(idx.to_tensor::<f64>().is_ok());
                let _ = (idx.to_images(), idx.to_labels());
            }
        }
    }
}

#[test]
fn bytes_after_the_values_are_an_error_and_are_not_read() {
    let whole = images();
    let want =
        "file, end: expected no more than 12 bytes of values for [2, 2, 3], found more bytes";
    assert_eq!(message(&[&whole[..], &[0]].concat()), want);

    let mut endless = Counted { reader: whole.chain(io::repeat(0)), bytes: 0 };
    assert_eq!(read(&mut endless, "file").unwrap_err().to_string(), want);
    assert_eq!(endless.bytes, images().len() + 1);
}

#[test]
fn a_reader_that_fails_is_named() {
    struct Broken;
    impl Read for Broken {
        fn read(&mut self, _buffer: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::new(io::ErrorKind::InvalidData, "the disk is on fire"))
        }
    }
    let whole = images();
    for end in 0..whole.len() {
        let error = read(whole[..end].chain(Broken), "tape 3").unwrap_err();
        assert!(matches!(error, Error::Io { .. }));
        assert_eq!(error.to_string(), "tape 3: the disk is on fire");
    }
}

#[test]
fn a_missing_file_is_named() {
    let error = load("no/such/file").unwrap_err();
    assert!(matches!(&error, Error::Io { path, .. } if path == Path::new("no/such/file")));
}

#[cfg(not(feature = "gzip"))]
#[test]
fn a_gzip_stream_names_the_missing_feature() {
    assert_eq!(
        message(&[0x1f, 0x8b, 8, 0]),
        "file: expected an uncompressed file (to read others, enable the feature `gzip`), \
         found a gzip stream"
    );
}

#[cfg(feature = "gzip")]
mod gzip {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn compressed_and_plain_are_the_same() {
        let plain = read(&images()[..], "plain").unwrap().to_images().unwrap();
        let members = images();
        let (first, second) = members.split_at(9);
        for compressed in [gzip(&members), [gzip(first), gzip(second)].concat()] {
            let images = read(&compressed[..], "compressed").unwrap().to_images().unwrap();
            assert_eq!(images, plain);
        }
    }

    #[test]
    fn every_truncation_is_an_error() {
        let whole = gzip(&images());
        for end in 0..whole.len() {
            assert!(matches!(read(&whole[..end], "file"), Err(Error::Format { .. })), "{end}");
        }
    }

    #[test]
    fn no_change_of_a_bit_panics_or_changes_a_value() {
        let whole = gzip(&images());
        let plain = read(&images()[..], "plain").unwrap().to_images().unwrap();
        for bit in 0..whole.len() * 8 {
            let mut changed = whole.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            // Some bits of gzip's header, such as the time, mean nothing to the contents.
            if let Ok(idx) = read(&changed[..], "file") {
                assert_eq!(idx.to_images().unwrap(), plain, "{bit}");
            }
        }
    }

    #[test]
    fn bytes_after_the_stream_are_an_error() {
        let whole = gzip(&images());
        assert!(
            message(&[&whole[..], b"more"].concat()).starts_with("file, end: expected a valid")
        );
        assert!(message(&gzip(&[&images()[..], &[0]].concat())).ends_with("found more bytes"));
    }

    #[test]
    fn a_bomb_is_not_unpacked() {
        /// The same bytes again and again, without end.
        struct Endless {
            bytes: Vec<u8>,
            at: usize,
        }
        impl Read for Endless {
            fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
                let count = (&self.bytes[self.at..]).read(buffer)?;
                self.at = (self.at + count) % self.bytes.len();
                Ok(count)
            }
        }
        let zeros = Endless { bytes: gzip(&[0; 1000]), at: 0 };
        let header = gzip(&file(0x08, &[1000, 28, 28], &[]));
        let error = read(header.chain(zeros), "bomb").unwrap_err();
        assert!(error.to_string().ends_with("found more bytes"), "{error}");
    }
}
