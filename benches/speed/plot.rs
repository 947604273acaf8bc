//! What was measured, as a picture: a bar for each ratio with a mark at its goal, and below it curves of
//! wall time as the work grows. Both axes of the curves are logarithmic: a slope of one is linear.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::measure::{Goal, Row};
use crate::table::ratio;

const WIDTH: f64 = 1200.0;
/// Where bars begin; names stand before it.
const LEFT: f64 = 560.0;
const BAR: f64 = 18.0;
/// Height of the curves.
const CURVES: f64 = 460.0;
/// Told apart also by those who do not see red and green as others do (Okabe and Ito).
const COLOURS: [&str; 7] = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#555555"];

/// The picture.
pub(crate) fn svg(rows: &[Row]) -> String {
    let bars: Vec<&Row> = rows.iter().filter(|row| ratio(row).is_some()).collect();
    let below = 60.0 + bars.len() as f64 * (BAR + 6.0) + 40.0;
    let height = below + CURVES + 80.0;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" font-family=\"sans-serif\" font-size=\"12\">\n\
         <rect width=\"{WIDTH}\" height=\"{height}\" fill=\"white\"/>\n"
    );
    label(&mut svg, 20.0, 24.0, "start", "Wall time against the floor of the same run; the mark is the goal");
    draw_bars(&mut svg, &bars);
    label(&mut svg, 20.0, below, "start", "Wall time as the work grows (dashed: the floor)");
    draw_curves(&mut svg, rows, below + 20.0);
    svg + "</svg>\n"
}

fn draw_bars(svg: &mut String, bars: &[&Row]) {
    let most = bars.iter().filter_map(|row| ratio(row).into_iter().chain(goal(row)).reduce(f64::max));
    let most = most.fold(1.0, f64::max) * 1.05;
    let x = |value: f64| LEFT + value / most * (WIDTH - LEFT - 60.0);
    for (at, row) in bars.iter().enumerate() {
        let (y, ratio) = (44.0 + at as f64 * (BAR + 6.0), ratio(row).unwrap_or_default());
        let (goal, missed) = (goal(row), goal(row).is_some_and(|goal| ratio > goal));
        let colour = if missed { COLOURS[1] } else { COLOURS[0] };
        label(svg, LEFT - 8.0, y + 13.0, "end", &shortened(&format!("{}: {}", row.subject, row.case)));
        let width = x(ratio) - LEFT;
        let _ =
            writeln!(svg, "<rect x=\"{LEFT}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{BAR}\" fill=\"{colour}\"/>");
        if let Some(goal) = goal {
            line(svg, (x(goal), y - 3.0), (x(goal), y + BAR + 3.0), "black", "");
        }
        let end = x(ratio).max(goal.map_or(0.0, x));
        label(svg, end + 6.0, y + 13.0, "start", &format!("{ratio:.2}"));
    }
    let bottom = 44.0 + bars.len() as f64 * (BAR + 6.0);
    line(svg, (x(1.0), 38.0), (x(1.0), bottom), "#999", "2 3");
    label(svg, x(1.0), 36.0, "middle", "1");
}

/// The goal that is a ratio of wall times.
fn goal(row: &Row) -> Option<f64> {
    row.goals.iter().find_map(|goal| match goal {
        Goal::Wall(times) => Some(*times),
        _ => None,
    })
}

/// One kind of work at several sizes.
#[derive(Default)]
struct Curve {
    ours: Vec<(f64, f64)>,
    floor: Vec<(f64, f64)>,
}

fn curves(rows: &[Row]) -> BTreeMap<String, Curve> {
    let mut curves: BTreeMap<String, Curve> = BTreeMap::new();
    for row in rows.iter().filter(|row| row.ours.wall > 0.0) {
        let Some((size, name)) = sized(&row.case) else { continue };
        let curve = curves.entry(format!("{}: {name}", row.subject)).or_default();
        curve.ours.push((size, row.ours.wall));
        curve
            .floor
            .extend(row.floor.as_ref().filter(|(_, floor)| floor.wall > 0.0).map(|(_, floor)| (size, floor.wall)));
    }
    // The time of a paced run is the pace's.
    curves.retain(|name, curve| curve.ours.len() > 1 && !name.contains("first sync"));
    curves
}

/// The largest number that a case names, and its other words.
fn sized(case: &str) -> Option<(f64, String)> {
    let numbers = case.split(|c: char| !c.is_ascii_digit()).filter_map(|digits| digits.parse::<f64>().ok());
    let size = numbers.reduce(f64::max).filter(|size| *size > 0.0)?;
    let words = case.rsplit(": ").next().unwrap_or(case).split_whitespace();
    let words: Vec<&str> = words.filter(|word| !word.starts_with(|c: char| c.is_ascii_digit())).collect();
    Some((size, words.join(" ")))
}

fn draw_curves(svg: &mut String, rows: &[Row], top: f64) {
    let curves = curves(rows);
    let points = || curves.values().flat_map(|curve| curve.ours.iter().chain(&curve.floor));
    let span = |of: fn(&(f64, f64)) -> f64| {
        let (least, most) = points().map(of).fold((f64::MAX, f64::MIN), |(a, b), v| (a.min(v), b.max(v)));
        (least.log10().floor(), most.log10().ceil())
    };
    if curves.is_empty() {
        return;
    }
    let ((first, last), (low, high)) = (span(|point| point.0), span(|point| point.1));
    let (left, right) = (80.0, WIDTH - 420.0);
    let x = |value: f64| left + (value.log10() - first) / (last - first).max(1.0) * (right - left);
    let y = |value: f64| top + CURVES - (value.log10() - low) / (high - low).max(1.0) * CURVES;
    for power in first as i32..=last as i32 {
        let at = x(10f64.powi(power));
        line(svg, (at, top), (at, top + CURVES), "#ddd", "");
        label(svg, at, top + CURVES + 18.0, "middle", &format!("{}", 10f64.powi(power)));
    }
    for power in low as i32..=high as i32 {
        let at = y(10f64.powi(power));
        line(svg, (left, at), (right, at), "#ddd", "");
        label(svg, left - 8.0, at + 4.0, "end", &format!("{} s", 10f64.powi(power)));
    }
    label(svg, (left + right) / 2.0, top + CURVES + 38.0, "middle", "memberships, rows or runs");
    for (at, (name, curve)) in curves.iter().enumerate() {
        let colour = COLOURS[at % COLOURS.len()];
        for (points, dashes) in [(&curve.ours, ""), (&curve.floor, "4 4")] {
            let mut points = points.clone();
            points.sort_by(|a, b| a.0.total_cmp(&b.0));
            let text: Vec<String> =
                points.iter().map(|(size, wall)| format!("{:.1},{:.1}", x(*size), y(*wall))).collect();
            let _ = writeln!(
                svg,
                "<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\" stroke-dasharray=\"{dashes}\"/>",
                text.join(" ")
            );
        }
        let height = top + 16.0 + at as f64 * 20.0;
        line(svg, (right + 20.0, height - 4.0), (right + 44.0, height - 4.0), colour, "");
        label(svg, right + 52.0, height, "start", name);
    }
}

/// Long names lose their middle.
fn shortened(name: &str) -> String {
    const MOST: usize = 88;
    let letters: Vec<char> = name.chars().collect();
    if letters.len() <= MOST {
        return name.to_owned();
    }
    let (head, tail) = (MOST / 3, MOST - MOST / 3 - 1);
    letters[..head].iter().chain(['…'].iter()).chain(&letters[letters.len() - tail..]).collect()
}

fn label(svg: &mut String, x: f64, y: f64, anchor: &str, text: &str) {
    let text = text.replace('&', "&amp;").replace('<', "&lt;");
    let _ = writeln!(svg, "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\">{text}</text>");
}

fn line(svg: &mut String, from: (f64, f64), to: (f64, f64), colour: &str, dashes: &str) {
    let ((x1, y1), (x2, y2)) = (from, to);
    let _ = writeln!(
        svg,
        "<line x1=\"{x1:.1}\" y1=\"{y1:.1}\" x2=\"{x2:.1}\" y2=\"{y2:.1}\" stroke=\"{colour}\" \
         stroke-width=\"2\" stroke-dasharray=\"{dashes}\"/>"
    );
}
