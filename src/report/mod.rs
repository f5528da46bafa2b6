//! Results to look at: pictures in SVG, which any browser shows.

mod chart;

pub use chart::Chart;
