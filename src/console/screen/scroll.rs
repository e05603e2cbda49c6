//! A list that moved: shifting lines on the terminal instead of writing them again.

use ratatui::buffer::Buffer;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::io::Write as _;

/// Lines `top..bottom` moved by `by` (up where positive).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shift {
    top: u16,
    bottom: u16,
    by: i32,
}

/// The furthest a shift is looked for.
const FURTHEST: i32 = 6;
/// Lines that must be spared for a shift to be worth it.
const WORTH: usize = 4;

/// Finds the band of lines that only moved. Bars and changed lines inside it may differ.
pub fn find(shown: &Buffer, next: &Buffer) -> Option<Shift> {
    let height = usize::from(next.area.height);
    let (old, new) = (hashes(shown), hashes(next));
    let first = (0..height).find(|&y| old[y] != new[y])?;
    let last = (0..height).rfind(|&y| old[y] != new[y])?;
    if last - first < WORTH {
        return None;
    }
    let best = (-FURTHEST..=FURTHEST)
        .filter(|&by| by != 0)
        .filter_map(|by| gain(&old, &new, first, last, by))
        .max_by_key(|(g, _)| *g)?;
    (best.0 >= WORTH as i32).then_some(best.1)
}

/// Lines saved by a shift inside the changed band, less what it breaks.
fn gain(old: &[u64], new: &[u64], first: usize, last: usize, by: i32) -> Option<(i32, Shift)> {
    let moved = |y: usize| y.checked_add_signed(by as isize).filter(|o| (first..=last).contains(o));
    let matches: Vec<usize> =
        (first..=last).filter(|&y| moved(y).is_some_and(|o| old[o] == new[y] && old[y] != new[y])).collect();
    let (top, bottom) = (*matches.first()?, *matches.last()? + 1);
    // The band covers both ends of the move.
    let (top, bottom) =
        if by > 0 { (top, bottom + by as usize) } else { (top.checked_add_signed(by as isize)?, bottom) };
    let broken = (top..bottom)
        .filter(|&y| old[y] == new[y])
        .filter(|&y| moved(y).is_none_or(|o| !(top..bottom).contains(&o) || old[o] != new[y]))
        .count();
    let shift = Shift { top: top as u16, bottom: bottom as u16, by };
    Some((matches.len() as i32 - broken as i32 - by.abs(), shift))
}

fn hashes(buffer: &Buffer) -> Vec<u64> {
    let width = usize::from(buffer.area.width).max(1);
    buffer
        .content
        .chunks(width)
        .map(|line| {
            let mut h = DefaultHasher::new();
            for cell in line {
                cell.symbol().hash(&mut h);
                (cell.fg, cell.bg, cell.modifier).hash(&mut h);
            }
            h.finish()
        })
        .collect()
}

/// Writes a shift and makes it on what is known to be shown; lines that came in are blank and known.
pub fn apply(out: &mut Vec<u8>, shown: &mut Buffer, shift: Shift) {
    let Shift { top, bottom, by } = shift;
    // Lines are deleted or inserted at the top of the region: more terminals know that than know a scroll.
    let way = if by > 0 { 'M' } else { 'L' };
    let first = top + 1;
    let _ = write!(out, "\x1b[0m\x1b[{first};{bottom}r\x1b[{first}H\x1b[{}{way}\x1b[r", by.abs());
    let width = usize::from(shown.area.width);
    let band = usize::from(top) * width..usize::from(bottom) * width;
    let lines = &mut shown.content[band];
    let count = by.unsigned_abs() as usize * width;
    if by > 0 {
        lines.rotate_left(count);
        let from = lines.len() - count;
        lines[from..].iter_mut().for_each(ratatui::buffer::Cell::reset);
    } else {
        lines.rotate_right(count);
        lines[..count].iter_mut().for_each(ratatui::buffer::Cell::reset);
    }
}
