//! State of the last change of a sensor's settings, in words.

use traf_model::SensorState;

use crate::theme::Role;

/// Returns the state of the last change of a sensor's settings; `None` if nothing was ever changed.
pub fn standing(sensor: &SensorState) -> Option<(String, Role)> {
    let (wanted, state) = (sensor.wanted.revision, &sensor.settings);
    if wanted == 0 {
        return None;
    }
    Some(if state.settings.revision != wanted {
        (format!("waiting for {}", sensor.name), Role::Warn)
    } else if state.refused.is_empty() {
        ("in force".to_owned(), Role::Good)
    } else {
        (format!("refused: {}", state.refused), Role::Alarm)
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use traf_model::SettingsState;

    use super::*;

    #[test]
    fn a_change_waits_then_holds_or_is_refused() {
        let mut sensor = SensorState { name: "web1".to_owned(), ..SensorState::default() };
        assert_eq!(standing(&sensor), None);
        sensor.wanted.revision = 2;
        assert_eq!(standing(&sensor).unwrap().0, "waiting for web1");
        sensor.settings = SettingsState { settings: sensor.wanted.clone(), ..SettingsState::default() };
        assert_eq!(standing(&sensor).unwrap().0, "in force");
        sensor.settings.refused = "syntax error".to_owned();
        assert_eq!(standing(&sensor).unwrap().0, "refused: syntax error");
    }
}
