//! First aid, below the report. Its commands are not wrapped, so that they can be copied.

use std::io::{self, Write};

use super::{Paint, Style, paragraph};
use crate::{
    diagnosis::Diagnosis,
    report::first_aid::{FirstAid, NONE, Remedy, WHERE},
};

/// Writes what helps against the worst peers.
///
/// # Errors
/// If `to` cannot be written.
pub fn first_aid(to: &mut dyn Write, diagnosis: &Diagnosis, style: Style) -> io::Result<()> {
    let aid = FirstAid::of(diagnosis);
    let paint = Paint(style.color);
    writeln!(to, "\n{}", paint.bold("First aid, to copy"))?;
    if aid.peers.is_empty() {
        return paragraph(to, NONE, 2);
    }
    paragraph(to, WHERE, 2)?;
    remedies(to, &aid.before)?;
    for peer in &aid.peers {
        writeln!(to)?;
        paragraph(to, &peer.title, 2)?;
        if let Some(warning) = peer.warning {
            writeln!(to, "  {}", paint.bad(warning))?;
        }
        remedies(to, &peer.remedies)?;
    }
    Ok(())
}

fn remedies(to: &mut dyn Write, remedies: &[Remedy]) -> io::Result<()> {
    for remedy in remedies {
        paragraph(to, &remedy.about, 4)?;
        for line in &remedy.lines {
            writeln!(to, "      {line}")?;
        }
    }
    Ok(())
}
