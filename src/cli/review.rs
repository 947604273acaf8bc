//! `rosterd review`: a sheet of a group's members for the group's owner.

use jiff::Timestamp;

use super::args::{Global, Review, ReviewFormat};
use super::exit::{Exit, Fault};
use super::output::Output;
use super::{members, session};
use crate::report::members::{review_csv, review_markdown};

/// Writes the sheet.
pub(super) fn run(global: &Global, output: &Output, review: &Review) -> Result<Exit, Fault> {
    let config = session::without_secrets(global)?;
    let document = session::block_on(async {
        let store = session::look_into(&config.state.path).await?;
        let document = members::list(&store, &review.group, None, Timestamp::now()).await;
        store.close().await;
        document
    })?;
    let text = match review.format {
        ReviewFormat::Markdown => review_markdown(&document),
        ReviewFormat::Csv => {
            // A spreadsheet has no place for them, and a list that is not whole must not look so.
            for note in &document.notes {
                output.note(note);
            }
            review_csv(&document)
        }
    };
    output.answer_to(review.out.as_deref(), &text)?;
    Ok(Exit::Fine)
}
