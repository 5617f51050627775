//! Settings that outlast the screen: a TOML file in the XDG place, `$XDG_CONFIG_HOME/wscope/config.toml`.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::PathBuf;

use etcetera::BaseStrategy as _;
use serde::{Deserialize, Serialize};

use super::look::{Column, Look, Times};
use super::model::Model;
use super::theme::ASCII;

/// What is kept.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Name of the theme.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub theme: Option<String>,
    /// Whether to draw with ASCII only.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub ascii: bool,
    /// How times are written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub times: Option<Times>,
    /// Columns that are not shown.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub hidden_columns: Vec<String>,
    /// Fields that are columns.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<String>,
    /// Filters by name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub filters: BTreeMap<String, String>,
}

impl Settings {
    /// What the user has set on the screen.
    pub fn of(model: &Model) -> Self {
        let look = &model.look;
        let hidden = Column::ALL.into_iter().filter(|&column| !look.columns.has(column));
        Self {
            theme: Some(look.chosen().to_owned()),
            ascii: look.glyphs == ASCII,
            // A mark does not outlast the screen.
            times: Some(look.times).filter(|&times| times != Times::SinceMark),
            hidden_columns: hidden.map(|column| column.name().to_owned()).collect(),
            fields: model.fields.names().map(str::to_owned).collect(),
            filters: model.filters.clone(),
        }
    }

    /// The look with these settings.
    #[must_use]
    pub fn apply(&self, look: Look) -> Look {
        let mut look = if self.ascii { look.in_ascii() } else { look };
        if let Some(theme) = &self.theme {
            look.choose(theme);
        }
        look.times = self.times.unwrap_or(look.times);
        for column in Column::ALL {
            if self.hidden_columns.iter().any(|name| name == column.name()) {
                look.columns.set(column, false);
            }
        }
        look
    }

    /// Reads them; nothing where there is no file.
    ///
    /// # Errors
    /// When the file cannot be read, or is not what is expected there: a sentence that says where.
    pub fn load() -> Result<Self, String> {
        let Some(path) = path() else { return Ok(Self::default()) };
        match fs::read_to_string(&path) {
            Ok(text) => toml::from_str(&text).map_err(|error| {
                let reason = error.message().to_owned();
                format!("{}: {reason}", path.display())
            }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(format!("{}: {error}", path.display())),
        }
    }

    /// The folder in which they are kept, where there is one.
    pub fn folder() -> Option<PathBuf> {
        path().and_then(|path| path.parent().map(PathBuf::from)).filter(|folder| folder.is_dir())
    }

    /// Writes them; what to say of it.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn save(&self) -> io::Result<String> {
        let path = path().ok_or_else(|| io::Error::other("there is no home directory to keep settings in"))?;
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        fs::write(&path, toml::to_string(self).map_err(io::Error::other)?)?;
        Ok(format!("kept in {}", path.display()))
    }
}

fn path() -> Option<PathBuf> {
    let place = etcetera::choose_base_strategy().ok()?;
    Some(place.config_dir().join("wscope").join("config.toml"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tui::theme::Theme;

    #[test]
    fn a_look_comes_back_from_its_settings() {
        let mut look =
            Look { theme: Theme::named("light").expect("a theme"), times: Times::SinceStart, ..Look::default() };
        look.columns.set(Column::Delta, false);
        let mut model = Model::new("a capture".to_owned(), false, 16 << 20, look);
        model.filters = BTreeMap::from([("beats".to_owned(), "ws.text contains \"ping\"".to_owned())]);
        assert_eq!(model.fields.toggle("json(.type)"), Ok(true));
        let settings = Settings::of(&model);
        let text = toml::to_string(&settings).expect("TOML");
        let back: Settings = toml::from_str(&text).expect("TOML");
        assert_eq!(back, settings, "{text}");
        assert_eq!(back.apply(Look::default()), look);
    }

    #[test]
    fn a_name_that_is_not_known_is_told() {
        let error = toml::from_str::<Settings>("teme = \"dark\"").expect_err("no such setting");
        assert!(error.message().contains("teme"), "{error}");
    }
}
