//! A row's images on both sides, and what may differ in them.

use super::*;
use crate::sync::fixture::{ALLAN, Fixture};
use robbie_console::queue::{Excuse, columns};

#[tokio::test]
async fn what_the_master_keeps_or_maps_is_no_difference() {
    let f = Fixture::new().await;
    let id = Uuid::new_v4();
    let entry = f.conversation(id, "one").await;
    f.cycle().await;
    f.master.batch_execute("update code_conversations set title = 'theirs', message_count = 9").await.unwrap();
    let shape = Shape::read(&f.replica).await.unwrap();
    let image =
        async |client: &Client, side| match images::read(client, side, &f.replica, &shape, entry, "code_conversations")
            .await
            .unwrap()
        {
            images::Image::Row(row) => row,
            other => panic!("{other:?}"),
        };
    let (here, there) = (image(&f.replica, Side::Replica).await, image(&f.master, Side::Master).await);
    for table in ["code_conversations", "public.code_conversations"] {
        let found = columns::read(&f.master, table, &["{\"user_id\": \"zoe\"", &here, &there]).await.unwrap();
        assert_eq!(found.mapping.iter().collect::<Vec<_>>(), [(&"allan".to_owned(), &ALLAN.to_owned())]);
        let value = |row: &str, name: &str| serde_json::from_str::<serde_json::Value>(row).unwrap()[name].to_string();
        let excuse = |name: &str| found.excuse(name, &value(&here, name), &value(&there, name));
        assert_eq!(excuse("user_id"), Some(Excuse::SameUser));
        assert_eq!(excuse("message_count"), Some(Excuse::Derived));
        assert_eq!(excuse("updated_at"), Some(Excuse::Stamp));
        assert_eq!(excuse("title"), None);
    }
    // A master without any of it, and a table that is not there.
    let bare = support::bare_pair().await;
    let master = support::connect(&bare.master).await;
    for table in ["code_conversations", "x\"; drop table users; --", "\0"] {
        let found = columns::read(&master, table, &["[1]", "null", "{\"user_id\": 5}"]).await.unwrap();
        assert_eq!(found, columns::Columns::default());
    }
}
