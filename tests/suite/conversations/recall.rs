//! What an index over vectors finds: as much as is wanted, because it was measured.

use super::fixture;
use robbie_console::conversation::{Kind, Shape, recall, similar};
use std::collections::BTreeSet;
use uuid::Uuid;

#[tokio::test(flavor = "multi_thread")]
async fn as_many_lists_are_looked_into_as_the_wanted_recall_takes() {
    let f = fixture().await;
    // Vectors that lie anywhere, where an index finds least; more of them than are searched exactly.
    let fill = "drop index if exists idx_code_blocks_embedding, robbie_search_block;
        alter table code_blocks disable trigger user;
        alter table code_blocks alter embedding type vector(16);
        select setseed(0.5);
        insert into code_blocks (file_path, language, content, session_id, metadata, embedding)
          select 'x', 'y', 'z', 's', case when n % 2 = 0 then '{\"embedder\": \"e\"}'::jsonb else '{\"embedder\": \"other\"}' end,
                 (select array_agg(random() - 0.5 + 0 * (i + n)) from generate_series(1, 16) i)::vector
            from generate_series(1, 22000) n;
        create index on code_blocks using ivfflat (embedding vector_cosine_ops) with (lists = 60);
        analyze code_blocks";
    f.replica.batch_execute(fill).await.unwrap();
    let (link, shape) = (&f.pair.replica, Shape::read(&f.pair.replica).await.unwrap());
    let sample = "select id from code_blocks where metadata ->> 'embedder' = 'e' order by md5(id::text) desc limit 12";
    let ids: Vec<Uuid> = f.replica.query(sample, &[]).await.unwrap().iter().map(|r| r.get(0)).collect();
    let mut truth: Vec<BTreeSet<Uuid>> = Vec::new();
    for id in &ids {
        let origin = similar::origin(link, &shape, Kind::Block, *id).await.unwrap().unwrap();
        let near = similar::neighbours(link, &shape, &origin, Some(*id), similar::RECALL).await.unwrap();
        assert_eq!(near.unmeasured, [Kind::Block], "before it was measured, all lists are looked into");
        assert!(near.approximate.is_empty() && near.left[&Kind::Block].of_others.is_none());
        truth.push(near.near.iter().take(10).map(|n| n.id).collect());
    }
    let found = recall::measure(link, &shape, Kind::Block, Some("e"), similar::RECALL).await.unwrap().unwrap();
    assert!(found.probes > 3 && found.probes < 60 && found.recall >= 0.97, "{found:?}");
    let (mut hits, mut all) = (0, 0);
    for (id, truth) in ids.iter().zip(&truth) {
        let origin = similar::origin(link, &shape, Kind::Block, *id).await.unwrap().unwrap();
        let near = similar::neighbours(link, &shape, &origin, Some(*id), similar::RECALL).await.unwrap();
        assert!(near.unmeasured.is_empty() && near.approximate.contains_key(&Kind::Block));
        hits += near.near.iter().take(10).filter(|n| truth.contains(&n.id)).count();
        all += truth.len();
    }
    assert!(hits * 100 >= all * 92, "{hits} of {all} with {found:?}");
    // Another embedder's vectors were not measured.
    let other = similar::Origin {
        embedder: Some("other".into()),
        ..similar::origin(link, &shape, Kind::Block, ids[0]).await.unwrap().unwrap()
    };
    let near = similar::neighbours(link, &shape, &other, None, similar::RECALL).await.unwrap();
    assert_eq!(near.unmeasured, [Kind::Block]);
}
