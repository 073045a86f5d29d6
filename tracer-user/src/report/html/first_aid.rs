//! First aid: commands to copy, if they were asked for.

use maud::{Markup, html};

use super::short;
use crate::{
    diagnosis::Diagnosis,
    report::first_aid::{FirstAid, NONE, Remedy, WHERE},
};

pub(super) fn details(diagnosis: &Diagnosis) -> Markup {
    let aid = FirstAid::of(diagnosis);
    html! {
        details {
            summary { "First aid" }
            @if aid.peers.is_empty() {
                p { (NONE) }
            } @else {
                p { (WHERE) }
                (remedies(&aid.before))
                @for peer in &aid.peers {
                    h3 { (short(&peer.title)) }
                    @if let Some(warning) = peer.warning { p class="bad" { (warning) } }
                    (remedies(&peer.remedies))
                }
            }
        }
    }
}

fn remedies(remedies: &[Remedy]) -> Markup {
    html! {
        @for remedy in remedies {
            p { (remedy.about) }
            div class="scroll" { pre { code { (remedy.lines.join("\n")) } } }
        }
    }
}
