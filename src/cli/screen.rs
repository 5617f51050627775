//! The options of the terminal UI.

use clap::Args;
use wscope::filter::Column;
use wscope::tui::Look;
use wscope::tui::settings::Settings;

/// The store's own least, and some room.
const LEAST_MEMORY: usize = 16 << 20;

/// How the terminal UI is opened.
#[derive(Debug, Args)]
pub(crate) struct Screen {
    /// Memory for what is shown on the screen; what is over it goes to an unlinked file in $TMPDIR
    #[arg(long, value_name = "SIZE", default_value = "512M", value_parser = memory)]
    pub(crate) memory: usize,
    /// Colours of the screen: sixteen, dark, light, mono, or auto: dark or light, as the terminal says that it is
    #[arg(long, value_name = "NAME", value_parser = theme)]
    theme: Option<&'static str>,
    /// Show a column on the screen: a field of filters, or a jq expression as `json(.type)`; repeatable
    #[arg(short = 'e', long = "column", value_name = "FIELD", value_parser = column)]
    pub(crate) columns: Vec<String>,
    /// Draw with ASCII characters only, as is done where the locale is not UTF-8
    #[arg(long)]
    ascii: bool,
}

impl Screen {
    /// Theme and characters: from the options, else from the environment, else from the settings that were kept.
    pub(crate) fn look(&self, settings: Option<&Settings>) -> Look {
        let set = |name| std::env::var_os(name).filter(|value| !value.is_empty());
        let locale = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().find_map(set).unwrap_or_default();
        let locale = locale.to_string_lossy().to_ascii_lowercase();
        let mut look = settings.map_or_else(Look::default, |settings| settings.apply(Look::default()));
        if self.ascii || !(locale.contains("utf-8") || locale.contains("utf8")) {
            look = look.in_ascii();
        }
        let mono = set("NO_COLOR").map(|_| "mono");
        if let Some(theme) = self.theme.or(mono) {
            look.choose(theme);
        }
        look
    }
}

/// Bytes of a size in MiB, or with a unit.
fn memory(text: &str) -> Result<usize, String> {
    let digits = text.trim_end_matches(|character: char| character.is_ascii_alphabetic());
    let unit = match &text[digits.len()..] {
        "" | "m" | "M" => 1 << 20,
        "g" | "G" => 1 << 30,
        unit => return Err(format!("unknown unit {unit:?}: M or G")),
    };
    let count: usize = digits.parse().map_err(|_| "not a number".to_owned())?;
    match count.checked_mul(unit) {
        Some(bytes) if bytes >= LEAST_MEMORY => Ok(bytes),
        _ => Err(format!("from {} MiB on", LEAST_MEMORY >> 20)),
    }
}

fn column(text: &str) -> Result<String, String> {
    Column::parse(text).map(|column| column.text().to_owned()).map_err(|error| error.render(text))
}

fn theme(name: &str) -> Result<&'static str, String> {
    let names: Vec<_> = Look::themes().collect();
    Look::themes().find(|known| *known == name).ok_or_else(|| format!("one of {}", names.join(", ")))
}
