//! QR codes (ISO/IEC 18004) of provisioning URIs: in the terminal, as SVG, as PNG.

use std::path::Path;

use qrcode::render::svg;
use qrcode::{Color, QrCode};
use zeroize::Zeroizing;

use crate::failure::Failure;

/// ISO/IEC 18004 §5.3.8: four light modules all around.
const QUIET: usize = 4;
/// Pixels of a module in a PNG.
const SCALE: usize = 8;

/// The format of a file, by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Picture {
    Svg,
    Png,
}

impl Picture {
    pub(crate) fn of(path: &Path) -> Result<Self, Failure> {
        let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
        match extension.to_ascii_lowercase().as_str() {
            "svg" => Ok(Self::Svg),
            "png" => Ok(Self::Png),
            _ => Err(Failure::usage(format!("{}: a QR code is written as .svg or .png", path.display()))),
        }
    }
}

/// A QR code. It says the secret to whoever sees it.
pub(crate) struct Qr(QrCode);

impl Qr {
    pub(crate) fn new(text: &str) -> Result<Self, Failure> {
        QrCode::new(text).map(Self).map_err(|error| Failure::usage(format!("the QR code: {error}")))
    }

    /// Modules of a side, the quiet zone included.
    fn side(&self) -> usize {
        self.0.width() + 2 * QUIET
    }

    fn is_light(&self, row: usize, column: usize) -> bool {
        let inside = QUIET..QUIET + self.0.width();
        !inside.contains(&row)
            || !inside.contains(&column)
            || self.0[(column - QUIET, row - QUIET)] == Color::Light
    }

    /// Two modules to a character. In a terminal black on white whatever its colours are; otherwise light modules are
    /// drawn and dark ones left out.
    pub(crate) fn to_text(&self, is_terminal: bool) -> Zeroizing<String> {
        let (begin, end) = if is_terminal { ("\x1b[38;5;231;48;5;16m", "\x1b[0m") } else { ("", "") };
        let mut text = Zeroizing::new(String::with_capacity(self.side() * (self.side() * 2 + 32)));
        for row in (0..self.side()).step_by(2) {
            text.push_str(begin);
            for column in 0..self.side() {
                text.push(match (self.is_light(row, column), self.is_light(row + 1, column)) {
                    (true, true) => '█',
                    (true, false) => '▀',
                    (false, true) => '▄',
                    (false, false) => ' ',
                });
            }
            text.push_str(end);
            text.push('\n');
        }
        text
    }

    pub(crate) fn to_picture(&self, picture: Picture) -> Result<Zeroizing<Vec<u8>>, Failure> {
        match picture {
            Picture::Svg => Ok(Zeroizing::new(self.to_svg().into_bytes())),
            Picture::Png => self.to_png(),
        }
    }

    fn to_svg(&self) -> String {
        let pixels = u32::try_from(self.side() * SCALE).unwrap_or(u32::MAX);
        self.0.render::<svg::Color<'_>>().min_dimensions(pixels, pixels).build()
    }

    /// Eight bits of grey a pixel, which every reader knows.
    fn to_png(&self) -> Result<Zeroizing<Vec<u8>>, Failure> {
        let side = self.side() * SCALE;
        let place = |pixel: usize| (pixel / side / SCALE, pixel % side / SCALE);
        let pixels: Zeroizing<Vec<u8>> = Zeroizing::new(
            (0..side * side)
                .map(place)
                .map(|(row, column)| if self.is_light(row, column) { 255 } else { 0 })
                .collect(),
        );
        let mut file = Zeroizing::new(Vec::new());
        let pixels_wide = u32::try_from(side).unwrap_or(u32::MAX);
        let mut encoder = png::Encoder::new(&mut *file, pixels_wide, pixels_wide);
        encoder.set_color(png::ColorType::Grayscale);
        encoder.set_depth(png::BitDepth::Eight);
        let written = encoder.write_header().and_then(|mut writer| writer.write_image_data(&pixels));
        written.map_err(|error| Failure::file(format!("the PNG: {error}")))?;
        Ok(file)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_format_of_a_picture_is_that_of_its_name() {
        assert_eq!(Picture::of(Path::new("a/b.SVG")).unwrap(), Picture::Svg);
        assert_eq!(Picture::of(Path::new("b.png")).unwrap(), Picture::Png);
        for path in ["png", "a.jpg", "a.svg/b", ".png"] {
            assert!(Picture::of(Path::new(path)).is_err(), "{path}");
        }
    }

    #[test]
    fn a_quiet_zone_surrounds_the_code() {
        let text = Qr::new("otpauth://totp/a?secret=AAAA").unwrap().to_text(false);
        let lines: Vec<Vec<char>> = text.lines().map(|line| line.chars().collect()).collect();
        assert!(
            lines[..2]
                .iter()
                .chain(&lines[lines.len() - 2..])
                .flatten()
                .all(|half| *half == '█' || *half == '▀')
        );
        assert!(
            lines
                .iter()
                .all(|line| line[..4].iter().chain(&line[line.len() - 4..]).all(|half| "█▀".contains(*half)))
        );
    }
}
