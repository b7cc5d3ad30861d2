//! The formats. Dimensions are judged before anything of their size is allocated.

use super::{Error, MAX_PIXELS, MAX_SIDE, Picture};
use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use zune_core::{bytestream::ZCursor, colorspace::ColorSpace, options::DecoderOptions};

fn broken(format: &'static str) -> impl Fn(String) -> Error {
    move |reason| Error::Decode { format, reason: reason.trim().to_owned() }
}

/// Refuses what is empty or too large.
fn bounded(width: usize, height: usize) -> Result<usize, Error> {
    let sides = [width, height].iter().all(|side| (1..=MAX_SIDE).contains(side));
    let pixels = width.checked_mul(height).filter(|pixels| sides && *pixels <= MAX_PIXELS);
    pixels.ok_or(Error::Dimensions { width, height })
}

/// Limits and output of both decoders.
fn options() -> DecoderOptions {
    DecoderOptions::default()
        .set_max_width(MAX_SIDE)
        .set_max_height(MAX_SIDE)
        .png_set_strip_to_8bit(true)
        .png_set_add_alpha_channel(false)
        .png_set_decode_animated(false)
        .jpeg_set_out_colorspace(ColorSpace::RGB)
        .set_use_unsafe(false)
}

/// PNG of any kind; palettes and few bits are expanded, 16 bits cut to 8.
pub(super) fn png(bytes: &[u8]) -> Result<Picture, Error> {
    let broken = broken("PNG");
    let mut decoder = zune_png::PngDecoder::new_with_options(ZCursor::new(bytes), options());
    decoder.decode_headers().map_err(|error| broken(error.to_string()))?;
    let (width, height) = decoder.dimensions().ok_or_else(|| broken("it has no header".to_owned()))?;
    bounded(width, height)?;
    let samples = decoder.decode_raw().map_err(|error| broken(error.to_string()))?;
    let (channels, bytes) = match decoder.colorspace() {
        Some(ColorSpace::Luma) => (1, samples),
        Some(ColorSpace::LumaA) => (1, samples.chunks_exact(2).map(|pixel| pixel[0]).collect()),
        Some(ColorSpace::RGB) => (3, samples),
        Some(ColorSpace::RGBA) => (3, without_alpha(&samples)),
        other => return Err(broken(format!("its colour space is {other:?}"))),
    };
    whole(Picture { width, height, channels, bytes }, "PNG")
}

/// JPEG, baseline and progressive.
pub(super) fn jpeg(bytes: &[u8]) -> Result<Picture, Error> {
    let broken = broken("JPEG");
    let mut decoder = zune_jpeg::JpegDecoder::new_with_options(ZCursor::new(bytes), options());
    decoder.decode_headers().map_err(|error| broken(error.to_string()))?;
    let (width, height) = decoder.dimensions().ok_or_else(|| broken("it has no frame".to_owned()))?;
    bounded(width, height)?;
    if !ends(bytes) {
        return Err(broken("it ends too early".to_owned()));
    }
    let bytes = decoder.decode().map_err(|error| broken(error.to_string()))?;
    whole(Picture { width, height, channels: 3, bytes }, "JPEG")
}

/// Whether an end of image follows the last start of scan; the decoder itself fills what a cut file lacks with grey.
/// Neither marker can stand inside coded data, where a zero follows every 0xff.
fn ends(bytes: &[u8]) -> bool {
    let last = |marker| bytes.windows(2).rposition(|pair| pair == [0xff, marker]);
    last(0xd9) > last(0xda)
}

/// Binary PPM and PGM with 8 bits a sample.
pub(super) fn ppm(bytes: &[u8]) -> Result<Picture, Error> {
    let broken = broken("PPM");
    let channels = if bytes.starts_with(b"P6") { 3 } else { 1 };
    let mut rest = &bytes[2..];
    let mut fields = [0; 3];
    for field in &mut fields {
        *field = number(&mut rest).ok_or_else(|| broken("its header is not three numbers".to_owned()))?;
    }
    let [width, height, maximum] = fields;
    if maximum != 255 {
        return Err(broken(format!("samples up to {maximum}; supported is 255")));
    }
    let samples = bounded(width, height)? * channels;
    // One white space ends the header.
    let bytes = rest.get(1..1 + samples).ok_or_else(|| broken("it ends too early".to_owned()))?;
    Ok(Picture { width, height, channels, bytes: bytes.to_vec() })
}

/// The next number of a PPM header; white space and comments stand before it.
fn number(rest: &mut &[u8]) -> Option<usize> {
    loop {
        *rest = rest.trim_ascii_start();
        match rest.strip_prefix(b"#") {
            Some(comment) => *rest = &comment[comment.iter().position(|byte| *byte == b'\n')?..],
            None => break,
        }
    }
    let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (number, tail) = rest.split_at(digits);
    *rest = tail;
    core::str::from_utf8(number).ok()?.parse().ok()
}

fn without_alpha(samples: &[u8]) -> Vec<u8> {
    samples.as_chunks().0.iter().flat_map(|[red, green, blue, _]: &[u8; 4]| [*red, *green, *blue]).collect()
}

/// What a decoder gave, if it gave all of it.
fn whole(picture: Picture, format: &'static str) -> Result<Picture, Error> {
    match picture.bytes.len() == picture.width * picture.height * picture.channels {
        true => Ok(picture),
        false => Err(broken(format)("it does not fill its frame".to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn sample(name: &str) -> Vec<u8> {
        fs::read(format!("{}/tests/pictures/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap()
    }

    #[test]
    fn every_png_kind_gives_the_same_picture() {
        let colour = Picture::decode(&sample("rgb.png")).unwrap();
        assert_eq!((colour.width, colour.height, colour.channels), (7, 5, 3));
        for name in ["rgba.png", "palette.png", "rgb16.png", "interlaced.png", "rgb.ppm"] {
            assert_eq!(Picture::decode(&sample(name)).as_ref(), Ok(&colour), "{name}");
        }
        let grey = Picture::decode(&sample("grey.png")).unwrap();
        for name in ["grey-alpha.png", "grey16.png", "grey.pgm"] {
            assert_eq!(Picture::decode(&sample(name)).as_ref(), Ok(&grey), "{name}");
        }
    }

    #[test]
    fn jpegs_decode_in_colour_whatever_they_hold() {
        for name in ["colour.jpg", "progressive.jpg", "grey.jpg"] {
            let picture = Picture::decode(&sample(name)).unwrap();
            assert_eq!((picture.width, picture.height, picture.channels), (24, 16, 3), "{name}");
        }
    }

    #[test]
    fn dimensions_are_judged_before_memory_is_asked_for() {
        let error = Picture::decode(b"P6 4000000000 4000000000 255\n").unwrap_err();
        assert_eq!(error, Error::Dimensions { width: 4_000_000_000, height: 4_000_000_000 });
        let mut huge = sample("rgb.png");
        huge[16..24].copy_from_slice(&[0x7f, 0xff, 0xff, 0xff, 0x7f, 0xff, 0xff, 0xff]);
        assert!(Picture::decode(&huge).is_err());
    }

    #[test]
    fn no_prefix_and_no_flipped_bit_panics() {
        for name in ["rgb.png", "palette.png", "interlaced.png", "colour.jpg", "progressive.jpg", "rgb.ppm"] {
            let bytes = sample(name);
            for end in 0..bytes.len() {
                // Whether it is an error is the decoder's choice: some JPEGs without an end are whole.
                let _ = Picture::decode(&bytes[..end]);
            }
            for bit in 0..bytes.len() * 8 {
                let mut flipped = bytes.clone();
                flipped[bit / 8] ^= 1 << (bit % 8);
                let _ = Picture::decode(&flipped);
            }
        }
        assert_eq!(Picture::decode(b""), Err(Error::Format));
    }
}
