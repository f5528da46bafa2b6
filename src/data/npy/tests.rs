use super::*;

/// A file of version 1 with this dictionary and these bytes of values.
fn file(dictionary: &str, values: &[u8]) -> Vec<u8> {
    let length = (dictionary.len() as u16).to_le_bytes();
    [&MAGIC[..], &[1, 0], &length, dictionary.as_bytes(), values].concat()
}

fn array(kind: &str, order: &str, sizes: &str, values: &[u8]) -> Vec<u8> {
    let text = format!("{{'descr': '{kind}', 'fortran_order': {order}, 'shape': {sizes}, }}\n");
    file(&text, values)
}

fn message(bytes: &[u8]) -> String {
    read(bytes, "file").unwrap_err().to_string()
}

#[test]
fn every_type_of_value_is_read_in_both_orders() {
    let cases: [(&str, &[u8], [f64; 2]); 11] = [
        ("b1", &[0, 2], [0.0, 1.0]),
        ("i1", &[0x7f, 0x80], [127.0, -128.0]),
        ("u1", &[0, 0xff], [0.0, 255.0]),
        ("i2", &[1, 2, 0xff, 0xfe], [258.0, -2.0]),
        ("u2", &[1, 2, 0xff, 0xfe], [258.0, 65534.0]),
        ("i4", &[0, 1, 0, 1, 0xff, 0xff, 0xff, 0xff], [65537.0, -1.0]),
        ("u4", &[0, 1, 0, 1, 0xff, 0xff, 0xff, 0xff], [65537.0, 4294967295.0]),
        (
            "i8",
            &[0, 0, 0, 1, 0, 0, 0, 1, 255, 255, 255, 255, 255, 255, 255, 253],
            [4294967297.0, -3.0],
        ),
        (
            "u8",
            &[0, 0, 0, 1, 0, 0, 0, 1, 0x80, 0, 0, 0, 0, 0, 0, 0],
            [4294967297.0, 9223372036854775808.0],
        ),
        ("f4", &[0x3f, 0x80, 0, 0, 0xc0, 0x20, 0, 0], [1.0, -2.5]),
        ("f8", &[0x3f, 0xe0, 0, 0, 0, 0, 0, 0, 0xc0, 0, 0, 0, 0, 0, 0, 0], [0.5, -2.0]),
    ];
    for (code, big, want) in cases {
        let size = big.len() / 2;
        let little: Vec<u8> = big.chunks(size).flat_map(|v| v.iter().rev().copied()).collect();
        let marks = if size == 1 { ["|", "|"] } else { [">", "<"] };
        for (mark, values) in marks.into_iter().zip([big, &little]) {
            let npy = read(&array(&format!("{mark}{code}"), "False", "(2,)", values)[..], "file");
            let npy = npy.unwrap();
            assert_eq!(npy.to_tensor::<f64>().unwrap(), Tensor::from(want), "{mark}{code}");
            assert_eq!(npy.to_tensor::<f32>().unwrap(), Tensor::from(want).cast());
        }
    }
}

#[test]
fn values_by_columns_are_put_into_rows() {
    let values: Vec<u8> = (0..24).collect();
    let npy = read(&array("|u1", "True", "(2, 3, 4)", &values)[..], "file").unwrap();
    // The value at [i, j, k] stands at i + 2j + 6k.
    let want = Tensor::from_fn([2, 3, 4], |at| (at / 12 + 2 * (at / 4 % 3) + 6 * (at % 4)) as f32);
    assert_eq!(npy.to_tensor().unwrap(), want);
}

#[test]
fn dictionaries_are_read_as_python_writes_them() {
    let value = 1.5_f32.to_le_bytes();
    for text in [
        "{'descr': '<f4', 'fortran_order': False, 'shape': (), }          \n",
        "{\"shape\":(),\"descr\":\"<f4\",\"fortran_order\":True}",
        " { 'fortran_order' : False , 'shape' : ( ) , 'descr' : '<f4' } ",
    ] {
        let npy = read(&file(text, &value)[..], "file").unwrap();
        assert_eq!(npy.to_tensor::<f32>().unwrap(), Tensor::scalar(1.5), "{text}");
    }
    // Versions 2 and 3 have a longer length.
    let text = "{'descr': '<f4', 'fortran_order': False, 'shape': (1,1), }\n";
    for version in [2, 3] {
        let length = (text.len() as u32).to_le_bytes();
        let bytes = [&MAGIC[..], &[version, 0], &length, text.as_bytes(), &value].concat();
        assert_eq!(*read(&bytes[..], "file").unwrap().shape(), [1, 1].into());
    }
}

#[test]
fn files_are_written_as_numpy_writes_them() {
    let mut file = Vec::new();
    Npy::from(&Tensor::from([1.0_f32, -2.0, 0.5])).write(&mut file).unwrap();
    // The header ends at a multiple of 64 bytes with a line break.
    let text =
        b"\x93NUMPY\x01\x00\x76\x00{'descr': '<f4', 'fortran_order': False, 'shape': (3,), }";
    assert_eq!(file[..text.len()], text[..]);
    assert!(file[text.len()..127].iter().all(|&byte| byte == b' '));
    assert_eq!(file[127..], *b"\n\x00\x00\x80\x3f\x00\x00\x00\xc0\x00\x00\x00\x3f");
}

#[test]
fn what_is_written_is_read_again() {
    let again = |npy: Npy| {
        let mut file = Vec::new();
        npy.write(&mut file).unwrap();
        read(&file[..], "file").unwrap()
    };
    for shape in [vec![], vec![0], vec![7], vec![2, 3], vec![3, 0, 2], vec![1, 2, 3, 4, 5]] {
        let single = Tensor::<f32>::from_fn(shape.clone(), |i| 1.0 / (i as f32 + 3.0));
        assert_eq!(again(Npy::from(&single)).to_tensor().unwrap(), single);
        let double = Tensor::<f64>::from_fn(shape.clone(), |i| 1.0 / (i as f64 + 3.0));
        assert_eq!(again(Npy::from(&double)).to_tensor().unwrap(), double);
        let count = single.data().len() as u32;
        let indices = Indices::new(shape, (0..count).map(|i| u32::MAX - i).collect()).unwrap();
        assert_eq!(again(Npy::from(&indices)).to_indices().unwrap(), indices);
        // Whatever was read is written again with its own type and order.
        let big = read(&array(">i2", "True", "(1, 2)", &[1, 2, 3, 4])[..], "file").unwrap();
        assert_eq!(again(big.clone()).to_tensor::<f32>().unwrap(), big.to_tensor().unwrap());
    }
}

#[test]
fn indices_are_whole_numbers() {
    let npy = read(&array("<i2", "False", "(3,)", &[1, 0, 255, 255, 2, 0])[..], "file").unwrap();
    assert_eq!(
        npy.to_indices().unwrap_err().to_string(),
        "file, value 1: expected a whole number from 0 to 4294967295, found -1"
    );
}

#[test]
fn hostile_headers_are_errors() {
    let header = |kind, order, sizes| array(kind, order, sizes, &[7; 5]);
    let cases: [(Vec<u8>, &str); 16] = [
        (vec![], "file, start: expected 8 bytes, found 0"),
        (
            b"PK\x03\x04 not it".to_vec(),
            "file, start: expected a .npy file's first bytes, found others",
        ),
        (b"\x93NUMPY\x04\x00".to_vec(), "file, version: expected 1, 2 or 3, found 4"),
        // A header of four gigabytes: never allocated.
        (
            b"\x93NUMPY\x02\x00\xff\xff\xff\xff{".to_vec(),
            "file, header: expected 4294967295 bytes, found 1",
        ),
        (
            header("<f4", "False", "(4294967296, 4294967296)"),
            "file, shape: expected a product that fits in memory, found [4294967296, 4294967296]",
        ),
        (
            header("<f4", "False", "(0, 4294967296, 4294967296)"),
            "file, shape: expected a product that fits in memory, found [0, 4294967296, 4294967296]",
        ),
        (
            header("<f8", "False", "(1099511627776,)"),
            "file, values: expected 8796093022208 bytes, found 5",
        ),
        (
            header("|u1", "False", "(4,)"),
            "file, end: expected no more than 4 bytes of values for [4], found more bytes",
        ),
        (
            header("|u1", "False", "(99999999999999999999,)"),
            "file, header: expected the size of an axis, found `99999999999999999999`",
        ),
        (
            header("|u1", "False", "(-5,)"),
            "file, header: expected the size of an axis, found `-5,), }`",
        ),
        (
            header("<U7", "False", "(5,)"),
            "file, header: expected `<` or `>` and one of b1, i1, i2, i4, i8, u1, u2, u4, u8, f4, f8, found `<U7`",
        ),
        (
            header("|O", "False", "(5,)"),
            "file, header: expected `<` or `>` and one of b1, i1, i2, i4, i8, u1, u2, u4, u8, f4, f8, found `|O`",
        ),
        (
            header("|u1", "Maybe", "(5,)"),
            "file, header: expected `False`, found `Maybe, 'shape': (5,)`",
        ),
        (
            file("{'descr': [('a', '<f4')], }", &[]),
            "file, header: expected values of one type, found a record of several",
        ),
        (
            file("{'descr': '|u1', 'shape': (5,)}", &[7; 5]),
            "file, header: expected `descr`, `fortran_order` and `shape`, found fewer",
        ),
        (
            file("{'descr': '|u1', 'descr': '|u1'}", &[]),
            "file, header: expected `descr`, `fortran_order` and `shape`, each once, found `descr`",
        ),
    ];
    for (bytes, want) in cases {
        assert_eq!(message(&bytes), want);
    }
    let axes = format!("({})", "1,".repeat(33));
    assert_eq!(
        message(&array("|u1", "False", &axes, &[1])),
        "file, number of axes: expected at most 32, found 33"
    );
}

#[test]
fn every_truncation_is_an_error_and_no_change_panics() {
    let whole = array(">i2", "True", "(2, 2)", &[1, 2, 3, 4, 5, 6, 7, 8]);
    assert!(read(&whole[..], "file").is_ok());
    for end in 0..whole.len() {
        assert!(matches!(read(&whole[..end], "file"), Err(Error::Format { .. })), "{end}");
        for byte in 0..=u8::MAX {
            let mut changed = whole.clone();
            changed[end] = byte;
            if let Ok(npy) = read(&changed[..], "file") {
                assert!(npy.to_tensor::<f64>().is_ok());
                let _ = npy.to_indices();
            }
        }
    }
}

#[test]
fn a_file_is_replaced_when_the_new_one_is_whole() {
    let folder = std::env::temp_dir().join(format!("gradtape-npy-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let path = folder.join("x.npy");
    for value in [1.0_f32, 2.0] {
        Npy::from(&Tensor::from([value])).save(&path).unwrap();
        assert_eq!(load(&path).unwrap().to_tensor::<f32>().unwrap().data(), [value]);
    }
    let failed = crate::disk::write_whole(&path, |file| {
        file.write_all(b"half of it")?;
        Err(io::Error::other("the disk is full"))
    });
    assert!(failed.unwrap_err().to_string().ends_with("x.npy: the disk is full"));
    assert_eq!(load(&path).unwrap().to_tensor::<f32>().unwrap().data(), [2.0]);
    assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 1, "nothing is left beside it");
    std::fs::remove_dir_all(&folder).unwrap();

    let error = load("no/such/file").unwrap_err();
    assert!(matches!(&error, Error::Io { path, .. } if path == Path::new("no/such/file")));
    assert!(Npy::from(&Tensor::from([1.0_f32])).save("no/such/file").is_err());
}
