//! Lines over two axes, drawn as an SVG.

use std::fmt::Write as _;

const COLOURS: [&str; 4] = ["#1b6ca8", "#c1440e", "#3b7a3b", "#6b4c9a"];
const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 420.0;
const MARGIN: f64 = 70.0;

/// How numbers become lengths.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scale {
    Linear,
    Logarithmic,
}

/// From the first number to the last, with some of them named.
pub(crate) struct Axis {
    pub(crate) scale: Scale,
    pub(crate) range: (f64, f64),
    pub(crate) ticks: Vec<(f64, String)>,
}

impl Axis {
    /// Where a number lies, from 0 to 1.
    fn place(&self, number: f64) -> f64 {
        let (first, last) = self.range;
        match self.scale {
            Scale::Linear => (number - first) / (last - first),
            Scale::Logarithmic => (number / first).ln() / (last / first).ln(),
        }
    }
}

pub(crate) struct Line {
    pub(crate) name: String,
    pub(crate) points: Vec<(f64, f64)>,
}

pub(crate) struct Chart {
    pub(crate) title: &'static str,
    pub(crate) x: Axis,
    pub(crate) y: Axis,
    pub(crate) lines: Vec<Line>,
}

impl Chart {
    pub(crate) fn svg(&self) -> String {
        let x = |number: f64| MARGIN + self.x.place(number) * (WIDTH - 2.0 * MARGIN);
        let y = |number: f64| HEIGHT - MARGIN - self.y.place(number) * (HEIGHT - 2.0 * MARGIN);
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" font-family=\"sans-serif\" \
             font-size=\"12\">\n<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n"
        );
        // Writing to a `String` cannot fail.
        let mut put = |text: String| {
            let _ = writeln!(svg, "{text}");
        };
        put(format!("<text x=\"{MARGIN}\" y=\"30\" font-size=\"15\">{}</text>", self.title));
        let (left, right, bottom) = (MARGIN, WIDTH - MARGIN, HEIGHT - MARGIN);
        for (number, name) in &self.y.ticks {
            let height = y(*number);
            put(format!(
                "<line x1=\"{left}\" y1=\"{height:.1}\" x2=\"{right}\" y2=\"{height:.1}\" stroke=\"#ddd\"/>"
            ));
            let (x, y) = (left - 6.0, height + 4.0);
            put(format!("<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"end\">{name}</text>"));
        }
        for (number, name) in &self.x.ticks {
            let (x, y) = (x(*number), bottom + 24.0);
            put(format!("<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"middle\">{name}</text>"));
        }
        for (index, (line, colour)) in self.lines.iter().zip(COLOURS).enumerate() {
            let places: Vec<(f64, f64)> = line.points.iter().map(|point| (x(point.0), y(point.1))).collect();
            let path: Vec<String> = places.iter().map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
            let path = path.join(" ");
            put(format!(
                "<polyline points=\"{path}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"/>"
            ));
            for (x, y) in places {
                put(format!("<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3\" fill=\"{colour}\"/>"));
            }
            let (x, y) = (left + 16.0, 60.0 + 18.0 * f64::from(u8::try_from(index).unwrap_or_default()));
            put(format!("<text x=\"{x}\" y=\"{y}\" fill=\"{colour}\">{}</text>", line.name));
        }
        svg.push_str("</svg>\n");
        svg
    }
}
