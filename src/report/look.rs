//! How a text is shown: in colour or plain, cut or whole.

use std::fmt;

use anstyle::{AnsiColor, Style};

/// How many lines of one list are shown before it is cut.
pub const CUT: usize = 20;

/// How a text is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Look {
    /// Colours, as terminal escapes. Whoever asks for them knows that a terminal reads the text.
    pub colour: bool,
    /// A list longer than this is cut; none: nothing is cut.
    pub limit: Option<usize>,
}

impl Look {
    /// No colours, long lists cut at [`CUT`].
    pub const PLAIN: Self = Self { colour: false, limit: Some(CUT) };

    /// No colours, nothing cut.
    pub const WHOLE: Self = Self { colour: false, limit: None };

    /// How many lines of a list of this length are shown: all of them, or as many as the limit says.
    pub(crate) fn shown(&self, length: usize) -> usize {
        self.limit.map_or(length, |limit| length.min(limit))
    }

    pub(crate) fn paint<'a>(&self, ink: Ink, text: &'a str) -> Painted<'a> {
        Painted { style: self.colour.then(|| ink.style()), text }
    }
}

/// What a piece of text is, not how it looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ink {
    Heading,
    Add,
    Remove,
    Alter,
    Hold,
    Trouble,
    Faint,
}

impl Ink {
    fn style(self) -> Style {
        match self {
            Self::Heading => Style::new().bold(),
            Self::Add => AnsiColor::Green.on_default(),
            Self::Remove => AnsiColor::Red.on_default(),
            Self::Alter => AnsiColor::Cyan.on_default(),
            Self::Hold => AnsiColor::Yellow.on_default(),
            Self::Trouble => AnsiColor::Red.on_default().bold(),
            Self::Faint => Style::new().dimmed(),
        }
    }
}

/// Text between the escapes of a style, or by itself.
pub(crate) struct Painted<'a> {
    style: Option<Style>,
    text: &'a str,
}

impl fmt::Display for Painted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.style {
            Some(style) => write!(f, "{style}{}{style:#}", self.text),
            None => f.write_str(self.text),
        }
    }
}
