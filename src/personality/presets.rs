//! Presets: a mood and levels under a name, per user.

use super::sheet::shape;
use super::{Field, Values};
use crate::postgres::{Fault, Kind, Link, Side};
use serde::Serialize;
use tokio_postgres::GenericClient;

/// The fields that a preset can hold, with their columns.
pub const FIELDS: [(Field, &str); 6] = [
    (Field::Mood, "mood"),
    (Field::Intensity, "mood_intensity"),
    (Field::Attraction, "attraction"),
    (Field::GandhiGenghis, "gandhi_genghis"),
    (Field::Turbo, "turbo"),
    (Field::Auto, "auto"),
];

/// One preset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Preset {
    /// Whose.
    pub user: String,
    /// Its name.
    pub name: String,
    /// What it sets.
    pub values: Values,
    /// What it is for.
    pub description: Option<String>,
}

impl Preset {
    /// A preset of the values that one can hold.
    pub fn of(user: &str, name: &str, values: &Values, description: Option<String>) -> Self {
        let held = FIELDS.iter().filter_map(|(f, _)| Some((*f, values.get(f).filter(|v| *v != "null")?.clone())));
        Self { user: user.to_owned(), name: name.trim().to_owned(), values: held.collect(), description }
    }
}

impl Serialize for Preset {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        let values: serde_json::Map<String, serde_json::Value> = self
            .values
            .iter()
            .filter_map(|(f, v)| Some((f.name().to_owned(), serde_json::from_str(v).ok()?)))
            .collect();
        serde_json::json!({ "user": self.user, "name": self.name, "sets": values, "description": self.description })
            .serialize(s)
    }
}

fn fault(side: Side) -> impl Fn(tokio_postgres::Error) -> Fault {
    move |e| Fault::from_postgres(e, side).about("personality_presets")
}

/// Reads the presets of a user, or all, by name; `None` where the side keeps none.
pub async fn list(link: &Link, user: Option<&str>) -> Result<Option<Vec<Preset>>, Fault> {
    let client = link.session().await?;
    if shape(&*client, link.side()).await?.presets.is_empty() {
        return Ok(None);
    }
    let columns = FIELDS.map(|(_, c)| format!("(j -> '{c}')::text")).join(", ");
    let sql = format!(
        "SELECT h.user_id::text, h.preset_name::text, j ->> 'description', {columns}
         FROM public.personality_presets h CROSS JOIN LATERAL to_jsonb(h) j
         WHERE $1::text IS NULL OR h.user_id::text = $1 ORDER BY h.user_id::text <> 'allan', h.user_id::text, h.preset_name"
    );
    let rows = client.query(&sql, &[&user]).await.map_err(fault(link.side()))?;
    let preset = |r: &tokio_postgres::Row| {
        let value = |i: usize| r.get::<_, Option<String>>(3 + i).filter(|v| v != "null");
        let values = FIELDS.iter().enumerate().filter_map(|(i, (f, _))| Some((*f, value(i)?))).collect();
        Preset { user: r.get(0), name: r.get(1), description: r.get(2), values }
    };
    Ok(Some(rows.iter().map(preset).collect()))
}

/// Writes a preset on the master, new or in the place of the one of its name; whether it is new.
pub async fn save(client: &impl GenericClient, preset: &Preset) -> Result<bool, Fault> {
    if preset.name.is_empty() {
        return Err(Fault::new(Kind::Settings, "a preset needs a name"));
    }
    let mut image = serde_json::Map::new();
    for (field, column) in FIELDS {
        let json = preset.values.get(&field).map_or("null", String::as_str);
        let value = serde_json::from_str(json).map_err(|e| Fault::new(Kind::Data, "a value is no JSON").because(e))?;
        image.insert(column.to_owned(), value);
    }
    let sets: Vec<String> = FIELDS.iter().map(|(_, c)| format!("{c} = r.{c}")).collect();
    let names = FIELDS.map(|(_, c)| c).join(", ");
    let values = serde_json::Value::from(image).to_string();
    let update = format!(
        "UPDATE public.personality_presets p SET {}, description = $4
         FROM jsonb_populate_record(NULL::public.personality_presets, $1::text::jsonb) r WHERE p.user_id::text = $2 AND p.preset_name = $3",
        sets.join(", ")
    );
    let with: [&(dyn tokio_postgres::types::ToSql + Sync); 4] =
        [&values, &preset.user, &preset.name, &preset.description];
    if client.execute(&update, &with).await.map_err(fault(Side::Master))? > 0 {
        return Ok(false);
    }
    let insert = format!(
        "INSERT INTO public.personality_presets (user_id, preset_name, description, {names})
         SELECT $2, $3, $4, {names} FROM jsonb_populate_record(NULL::public.personality_presets, $1::text::jsonb) r"
    );
    client.execute(&insert, &with).await.map_err(fault(Side::Master))?;
    Ok(true)
}

/// Removes a preset from the master; whether there was one.
pub async fn delete(client: &impl GenericClient, user: &str, name: &str) -> Result<bool, Fault> {
    let sql = "DELETE FROM public.personality_presets p WHERE p.user_id::text = $1 AND p.preset_name = $2";
    Ok(client.execute(sql, &[&user, &name]).await.map_err(fault(Side::Master))? > 0)
}
