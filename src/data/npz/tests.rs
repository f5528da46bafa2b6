use super::*;
use crate::tensor::{Indices, Tensor};

/// What Python's `zipfile` makes of an array, in the way that NumPy has it do so: `numpy.savez`.
const STORED: &[u8] =
    b"PK\x03\x04-\x00\x00\x00\x00\x00\x00\x00!\x00\\\xcc=\xc5\xff\xff\xff\xff\xff\xff\
    \xff\xff\x09\x00\x14\x00arr_0.npy\x01\x00\x10\x00\x8c\x00\x00\x00\x00\x00\x00\
    \x00\x8c\x00\x00\x00\x00\x00\x00\x00\x93NUMPY\x01\x00v\x00{'descr': '<i2', 'fort\
    ran_order': False, 'shape': (2, 3), }                                           \
    \x20              \x0a\x01\x00\xfe\xff\x03\x00\x04\x00\x05\x00X\x02PK\x01\x02-\x03-\
    \x00\x00\x00\x00\x00\x00\x00!\x00\\\xcc=\xc5\x8c\x00\x00\x00\x8c\x00\x00\x00\x09\
    \x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x80\x01\x00\x00\x00\x00arr_0.npyPK\
    \x05\x06\x00\x00\x00\x00\x01\x00\x01\x007\x00\x00\x00\xc7\x00\x00\x00\x00\x00";

/// The same, compressed: `numpy.savez_compressed`.
#[cfg(feature = "gzip")]
const DEFLATED: &[u8] =
    b"PK\x03\x04-\x00\x00\x00\x08\x00\x00\x00!\x00\\\xcc=\xc5\xff\xff\xff\xff\xff\xff\
    \xff\xff\x09\x00\x14\x00arr_0.npy\x01\x00\x10\x00\x8c\x00\x00\x00\x00\x00\x00\
    \x00R\x00\x00\x00\x00\x00\x00\x00\x9b\xec\x17\xea\x1b\x10\xc9\xc8P\xc6P\xad\x9e\
    \x92Z\x9c\\\xa4n\xa5\xa0n\x93i\xa4\xae\xa3\xa0\x9e\x96_TR\x94\x98\x17\x9f_\x94\
    \x92\x0a\x12wK\xcc)N\x05\x8a\x17g$\x16\xa4\x02\xf9\x1aF:\x0a\xc6\x9a:\x0a\xb5\
    \x0ad\x03.F\x86\x7f\xff\x99\x19X\x18X\x19\"\x98\x00PK\x01\x02-\x03-\x00\x00\x00\
    \x08\x00\x00\x00!\x00\\\xcc=\xc5R\x00\x00\x00\x8c\x00\x00\x00\x09\x00\x00\x00\
    \x00\x00\x00\x00\x00\x00\x00\x00\x80\x01\x00\x00\x00\x00arr_0.npyPK\x05\x06\x00\
    \x00\x00\x00\x01\x00\x01\x007\x00\x00\x00\x8d\x00\x00\x00\x00\x00";

fn written(archive: &Npz) -> Vec<u8> {
    let mut file = Vec::new();
    archive.write(&mut file).unwrap();
    file
}

fn example() -> Npz {
    let mut archive = Npz::new();
    archive.insert("x", &Tensor::from([[1.0_f32, 2.0], [3.0, 4.0]]));
    archive.insert("größe", &Indices::from([7]));
    archive
}

fn message(bytes: &[u8]) -> String {
    read(bytes, "file").unwrap_err().to_string()
}

#[test]
fn an_archive_of_numpy_is_read() {
    let archive = read(STORED, "file").unwrap();
    assert_eq!(archive.names().collect::<Vec<_>>(), ["arr_0"]);
    let want = Tensor::from([[1.0_f32, -2.0, 3.0], [4.0, 5.0, 600.0]]);
    assert_eq!(archive.get("arr_0").unwrap().to_tensor::<f32>().unwrap(), want);
    assert_eq!(
        archive.get("x").unwrap_err().to_string(),
        "file: expected an array `x`, found only arr_0"
    );
}

#[cfg(feature = "gzip")]
#[test]
fn a_compressed_archive_of_numpy_is_read() {
    let [plain, compressed] = [STORED, DEFLATED].map(|bytes| {
        read(bytes, "file").unwrap().get("arr_0").unwrap().to_tensor::<f32>().unwrap()
    });
    assert_eq!(plain, compressed);
}

#[test]
fn what_is_written_is_read_again() {
    let archive = read(&written(&example())[..], "file").unwrap();
    assert_eq!(archive.names().collect::<Vec<_>>(), ["größe", "x"]);
    let x = archive.get("x").unwrap().to_tensor::<f32>().unwrap();
    assert_eq!(x, Tensor::from([[1.0, 2.0], [3.0, 4.0]]));
    assert_eq!(archive.get("größe").unwrap().to_indices().unwrap(), Indices::from([7]));
    assert_eq!(read(&written(&Npz::new())[..], "file").unwrap().names().count(), 0);
}

#[test]
fn files_may_not_share_their_bytes() {
    // Ten entries of the directory that speak of one and the same file.
    let place = STORED.windows(4).position(|bytes| bytes == b"PK\x01\x02").unwrap();
    let (files, end) = (&STORED[..place], &STORED[STORED.len() - 22..]);
    let directory = STORED[place..STORED.len() - 22].repeat(10);
    let mut end = end.to_vec();
    end[10] = 10;
    let said = message(&[files, &directory, &end].concat());
    assert!(
        said.starts_with("file: expected a ZIP archive with files that do not overlap"),
        "{said}"
    );
}

#[test]
fn checksums_are_those_of_the_format() {
    let mut checksum = zip::Checksum::new();
    checksum.of(&b"123456789"[..]).read_to_end(&mut Vec::new()).unwrap();
    assert_eq!(checksum.value(), 0xCBF4_3926);
}

#[test]
fn every_truncation_is_an_error() {
    let whole = written(&example());
    for end in 0..whole.len() {
        assert!(matches!(read(&whole[..end], "file"), Err(Error::Format { .. })), "{end}");
    }
    let want = "file: expected a ZIP archive with an end, found a damaged archive, or another kind";
    assert!(message(b"not an archive at all").starts_with(want));
}

#[test]
fn a_changed_bit_is_noticed_or_means_nothing() {
    #[cfg(feature = "gzip")]
    let archives = [STORED, DEFLATED];
    #[cfg(not(feature = "gzip"))]
    let archives = [STORED];
    for whole in archives {
        for bit in 0..whole.len() * 8 {
            let mut changed = whole.to_vec();
            changed[bit / 8] ^= 1 << (bit % 8);
            if let Ok(archive) = read(&changed[..], "file") {
                for name in archive.names() {
                    let values = archive.get(name).unwrap().to_tensor::<f32>().unwrap();
                    assert_eq!(values.data(), [1.0, -2.0, 3.0, 4.0, 5.0, 600.0], "{bit}");
                }
            }
        }
    }
}

#[test]
fn a_changed_value_is_named() {
    let mut file = written(&example());
    let place = file.windows(4).position(|bytes| bytes == 4.0_f32.to_le_bytes()).unwrap();
    file[place] ^= 1;
    assert!(message(&file).starts_with("file, `x.npy`: expected checksum "));
}

#[cfg(not(feature = "gzip"))]
#[test]
fn compression_names_the_missing_feature() {
    let mut file = STORED.to_vec();
    let place = file.windows(4).position(|bytes| bytes == b"PK\x01\x02").unwrap();
    file[place + 10] = 8;
    assert_eq!(
        message(&file),
        "file, `arr_0.npy`: expected an array that is not compressed (to read others, enable the \
         feature `gzip`), found a compressed one"
    );
}

#[test]
fn a_name_that_is_too_long_is_an_error() {
    let mut archive = Npz::new();
    archive.insert("x".repeat(70_000), &Indices::from([7]));
    assert!(archive.write(&mut Vec::new()).is_err());
}
