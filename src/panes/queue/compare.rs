//! The images of an entry's row side by side, compared when they arrive and not while they are drawn.

use super::Inside;
use super::payload::{fields, same, shown};
use crate::queue::images::Image;
use crate::queue::{Columns, Excuse};

/// So much of a value is kept for its cell.
const CELL: usize = 200;

/// A column of the row with its value in each image.
#[derive(Debug)]
pub(super) struct Compared {
    pub name: String,
    /// Payload, replica, master, predicted; as they are shown.
    pub values: [Option<String>; 4],
    pub differs: Differs,
}

/// Whether the values of a column differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Differs {
    No,
    /// They do, and it means nothing.
    Excused(Excuse),
    Yes,
}

impl Inside {
    /// Compares the images anew.
    pub(super) fn compare(&mut self) {
        let image = |side: usize| match self.images.as_ref().map(|images| &images[side]) {
            Some(Ok(Image::Row(row))) => fields(row),
            _ => Vec::new(),
        };
        let payload = self.detail.as_ref().map(|detail| fields(&detail.payload)).unwrap_or_default();
        let after = match &self.predicted {
            Some(Ok(outcome)) => outcome.after.as_deref().map(fields).unwrap_or_default(),
            _ => Vec::new(),
        };
        let images = [payload, image(0), image(1), after];
        let mut names: Vec<&String> = Vec::new();
        for (name, _) in images.iter().flatten() {
            if !names.contains(&name) {
                names.push(name);
            }
        }
        let compared = names.into_iter().map(|name| {
            let values: [Option<&String>; 4] =
                std::array::from_fn(|n| images[n].iter().find(|(other, _)| other == name).map(|(_, value)| value));
            let differs = differs(name, &values, &self.columns);
            Compared { name: name.clone(), values: values.map(|value| value.map(|value| cell(value))), differs }
        });
        self.rows = compared.collect();
    }
}

fn differs(name: &str, values: &[Option<&String>; 4], columns: &Columns) -> Differs {
    let there: Vec<&&String> = values.iter().flatten().collect();
    let mut differs = Differs::No;
    for pair in there.windows(2).filter(|pair| !same(pair[0], pair[1])) {
        match columns.excuse(name, pair[0], pair[1]) {
            None => return Differs::Yes,
            Some(excuse) => differs = Differs::Excused(excuse),
        }
    }
    differs
}

/// A value for one cell: not more of it than a cell can hold.
fn cell(value: &str) -> String {
    if value == "null" {
        return "NULL".to_owned();
    }
    shown(value).chars().take(CELL).collect()
}
