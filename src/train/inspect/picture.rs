//! Weights and examples as pictures.

use std::ffi::OsStr;
use std::io::Write;
use std::path::Path;

use super::png;
use crate::disk::write_whole;
use crate::error::Error;
use crate::params::{ParamId, Params};
use crate::scalar::Scalar;
use crate::shape::Shape;
use crate::tensor::Tensor;

/// A picture in shades of grey or in colours, in memory.
///
/// Numbers become shades tile by tile, scaled by the largest magnitude in the tile: 0 is mid grey
/// if there are negative ones, and black if there are none.
///
/// ```
/// use gradtape::prelude::*;
/// use gradtape::train::Picture;
///
/// let mut params = Params::<f32>::new(Seed(42));
/// let hidden = Dense::new(28 * 28, 64).build(&mut params, "hidden");
/// let picture = Picture::of_units(&params, hidden.kernel(), [28, 28])?;
/// assert_eq!((picture.width(), picture.height()), (8 * 29 + 1, 8 * 29 + 1));
/// let png: Vec<u8> = picture.to_png();
/// # assert!(png.starts_with(b"\x89PNG"));
/// # Ok::<(), gradtape::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Picture {
    width: usize,
    height: usize,
    /// 1 of grey, 3 of red, green and blue.
    channels: usize,
    /// Row by row, the channels of a pixel side by side.
    pixels: Vec<u8>,
}

impl Picture {
    /// What the units of a dense layer look for: the weights of each, from the columns of a kernel
    /// `[inputs, units]`, as a tile of the inputs' shape, `[height, width]` or
    /// `[channels, height, width]`.
    ///
    /// # Errors
    ///
    /// [`Error::Argument`] if the inputs do not have this shape.
    #[track_caller]
    pub fn of_units<T: Scalar>(
        params: &Params<T>,
        kernel: ParamId,
        image: impl Into<Shape>,
    ) -> Result<Self, Error> {
        let (image, weights) = (image.into(), params.values(kernel));
        let (inputs, units) = match params.layout().entry(kernel).shape[..] {
            [inputs, units] if inputs == image.numel() => (inputs, units),
            _ => {
                let expected = format!("a kernel [{}, units]", image.numel());
                let found = format!("shape {}", params.layout().entry(kernel).shape);
                return Err(Error::argument("picture", expected, found));
            }
        };
        let shape: Shape = std::iter::once(units).chain(image.iter().copied()).collect();
        let weight = |i: usize| weights[i % inputs * units + i / inputs].to_f64() as f32;
        Self::of_images(&Tensor::from_fn(shape, weight))
    }

    /// The filters of a convolution, from a kernel `[filters, channels, height, width]`: a tile
    /// in colours for each filter of three channels, else one for each channel of each filter.
    ///
    /// # Errors
    ///
    /// [`Error::Argument`] if the kernel has another number of axes.
    #[track_caller]
    pub fn of_filters<T: Scalar>(params: &Params<T>, kernel: ParamId) -> Result<Self, Error> {
        let (shape, weights) = (&params.layout().entry(kernel).shape, params.values(kernel));
        if shape.rank() != 4 {
            let expected = "a kernel [filters, channels, height, width]";
            return Err(Error::argument("picture", expected, format!("shape {shape}")));
        }
        Self::of_images(&Tensor::from_fn(shape, |i| weights[i].to_f64() as f32))
    }

    /// Images side by side, `[images, height, width]` or `[images, channels, height, width]`: in
    /// colours if there are three channels, else each channel as a tile of its own.
    ///
    /// # Errors
    ///
    /// [`Error::Argument`] if there are other axes, or nothing to be seen.
    pub fn of_images(images: &Tensor<f32>) -> Result<Self, Error> {
        let (tiles, channels, height, width) = match images.shape()[..] {
            [images, 3, height, width] => (images, 3, height, width),
            [images, channels, height, width] => (images * channels, 1, height, width),
            [images, height, width] => (images, 1, height, width),
            _ => (0, 1, 0, 0),
        };
        if images.data().is_empty() || tiles == 0 {
            let expected = "images of [images, height, width] or [images, channels, height, width]";
            return Err(Error::argument("picture", expected, format!("shape {}", images.shape())));
        }
        let columns = tiles.isqrt() + usize::from(tiles.isqrt().pow(2) < tiles);
        let (right, down) = (width + 1, height + 1);
        let mut picture = Self {
            width: columns * right + 1,
            height: tiles.div_ceil(columns) * down + 1,
            channels,
            pixels: Vec::new(),
        };
        picture.pixels.resize(picture.width * picture.height * channels, 0);
        for (at, tile) in images.data().chunks_exact(channels * height * width).enumerate() {
            let corner = (at / columns * down + 1, at % columns * right + 1);
            picture.paint(tile, width, corner);
        }
        Ok(picture)
    }

    /// Paints a tile, whose channels follow one another, with its upper left pixel at a row and
    /// column.
    fn paint(&mut self, tile: &[f32], width: usize, (top, left): (usize, usize)) {
        let finite = || tile.iter().filter(|x| x.is_finite());
        let most = finite().fold(0.0_f32, |most, x| most.max(x.abs())).max(f32::MIN_POSITIVE);
        let signed = finite().any(|&x| x < 0.0);
        let shade = |x: f32| {
            let x = x / most;
            (255.0 * if signed { 0.5 + 0.5 * x } else { x }).round() as u8
        };
        let area = tile.len() / self.channels;
        for (i, &x) in tile.iter().enumerate() {
            let (channel, place) = (i / area, i % area);
            let (row, column) = (top + place / width, left + place % width);
            self.pixels[(row * self.width + column) * self.channels + channel] = shade(x);
        }
    }

    /// The same picture, each pixel enlarged to a square of this many.
    ///
    /// # Panics
    ///
    /// If the factor is 0.
    #[must_use = "the enlarged picture is a new one"]
    #[track_caller]
    pub fn enlarged(&self, factor: usize) -> Self {
        assert!(factor > 0, "picture: enlarged by a factor of 0");
        let mut pixels = Vec::with_capacity(self.pixels.len() * factor * factor);
        for row in self.pixels.chunks_exact(self.width * self.channels) {
            let start = pixels.len();
            for pixel in row.chunks_exact(self.channels) {
                (0..factor).for_each(|_| pixels.extend_from_slice(pixel));
            }
            let end = pixels.len();
            (1..factor).for_each(|_| pixels.extend_from_within(start..end));
        }
        let (width, height) = (self.width * factor, self.height * factor);
        Self { width, height, channels: self.channels, pixels }
    }

    /// The number of pixels of a row.
    pub fn width(&self) -> usize {
        self.width
    }

    /// The number of rows.
    pub fn height(&self) -> usize {
        self.height
    }

    /// The numbers of a pixel: 1 if it is grey, 3 if it has red, green and blue.
    pub fn channels(&self) -> usize {
        self.channels
    }

    /// All pixels, row by row, from black (0) to white or full colour (255).
    pub fn pixels(&self) -> &[u8] {
        &self.pixels
    }

    /// The picture as a PNG file, uncompressed.
    pub fn to_png(&self) -> Vec<u8> {
        png::encode(self.width, self.height, self.channels, &self.pixels)
    }

    /// The picture as a binary PGM file if it is grey, or a PPM file.
    pub fn to_pnm(&self) -> Vec<u8> {
        let kind = if self.channels == 1 { "P5" } else { "P6" };
        let header = format!("{kind}\n{} {}\n255\n", self.width, self.height);
        [header.as_bytes(), &self.pixels].concat()
    }

    /// Writes the picture to a file, whole or not at all, as its extension says: `png`, `pgm`, `ppm`
    /// or `pnm`.
    ///
    /// # Errors
    ///
    /// [`Error::Argument`] for any other extension, or [`Error::Io`] if it cannot be written.
    pub fn write(&self, path: impl AsRef<Path>) -> Result<(), Error> {
        let path = path.as_ref();
        let bytes = match path.extension().and_then(OsStr::to_str) {
            Some("png") => self.to_png(),
            Some("pgm" | "ppm" | "pnm") => self.to_pnm(),
            _ => {
                let expected = "a path that ends in png, pgm, ppm or pnm";
                return Err(Error::argument("picture", expected, path.display()));
            }
        };
        write_whole(path, |file| file.write_all(&bytes))
    }
}
