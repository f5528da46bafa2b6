//! Maps of the plane, and images seen through them.

/// From a place to a place: `matrix · place + offset`, a place being row and column.
#[derive(Clone, Copy, Debug)]
pub(super) struct Affine {
    pub(super) matrix: [[f64; 2]; 2],
    pub(super) offset: [f64; 2],
}

impl Affine {
    pub(super) const IDENTITY: Self = Self { matrix: [[1.0, 0.0], [0.0, 1.0]], offset: [0.0; 2] };

    pub(super) fn shift(by: [f64; 2]) -> Self {
        Self { offset: by, ..Self::IDENTITY }
    }

    /// The map with this matrix that leaves a place where it is.
    pub(super) fn around(centre: [f64; 2], matrix: [[f64; 2]; 2]) -> Self {
        let moved = Self { matrix, offset: [0.0; 2] }.of(centre);
        Self { matrix, offset: [centre[0] - moved[0], centre[1] - moved[1]] }
    }

    pub(super) fn of(&self, [row, column]: [f64; 2]) -> [f64; 2] {
        let Self { matrix, offset } = self;
        [0, 1].map(|axis| matrix[axis][0] * row + matrix[axis][1] * column + offset[axis])
    }

    /// This map after another one.
    pub(super) fn after(&self, first: Affine) -> Self {
        let product = |axis: usize, column: usize| {
            let row = self.matrix[axis];
            row[0] * first.matrix[0][column] + row[1] * first.matrix[1][column]
        };
        let matrix = [0, 1].map(|axis| [product(axis, 0), product(axis, 1)]);
        Self { matrix, offset: self.of(first.offset) }
    }

    /// Fills an image with what another one, of this size, shows at the places that its own places
    /// are mapped to.
    pub(super) fn sample(
        &self,
        source: &[f32],
        size: [usize; 2],
        image: &mut [f32],
        [rows, columns]: [usize; 2],
        fill: f32,
    ) {
        debug_assert_eq!(image.len(), rows * columns);
        for (row, line) in image.chunks_mut(columns.max(1)).enumerate() {
            for (column, value) in line.iter_mut().enumerate() {
                *value = between(source, size, self.of([row as f64, column as f64]), fill);
            }
        }
    }
}

/// The value of an image at a place between pixels, from the four around it.
fn between(image: &[f32], [rows, columns]: [usize; 2], place: [f64; 2], fill: f32) -> f32 {
    let [row, column] = place.map(f64::floor);
    let [down, right] = [place[0] - row, place[1] - column].map(|part| part as f32);
    // Far outside, casts saturate: still outside.
    let (row, column) = (row as i64, column as i64);
    let at = |row: i64, column: i64| {
        let inside = (0..rows as i64).contains(&row) && (0..columns as i64).contains(&column);
        if inside { image[row as usize * columns + column as usize] } else { fill }
    };
    let line = |row: i64| {
        let left = at(row, column);
        // Whole pixels are kept as they are, whatever stands beside them.
        if right == 0.0 { left } else { left + right * (at(row, column.saturating_add(1)) - left) }
    };
    let upper = line(row);
    if down == 0.0 { upper } else { upper + down * (line(row.saturating_add(1)) - upper) }
}
