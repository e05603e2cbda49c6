//! Vectors for messages: as embeddings of real texts lie, around subjects in few of their dimensions; or anywhere.

use bytes::{BufMut, BytesMut};
use futures_util::SinkExt;
use std::pin::pin;
use tokio_postgres::Client;

/// How vectors lie.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Lie {
    /// Around 400 subjects; what tells two vectors apart is in 48 directions, and a little is noise.
    AroundSubjects,
    /// Anywhere: the worst that an index can meet.
    Anywhere,
}

const DIMENSIONS: usize = 1536;
const DIRECTIONS: usize = 48;
const SUBJECTS: usize = 400;

/// Numbers from a seed: the same in every run (xorshift, Marsaglia 2003).
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> f32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 40) as f32 / 16_777_216.0
    }
    /// Nearly normal: the sum of four.
    fn normal(&mut self) -> f32 {
        (0..4).map(|_| self.next() - 0.5).sum::<f32>() * 1.732
    }
    fn normals(&mut self, n: usize) -> Vec<f32> {
        (0..n).map(|_| self.normal()).collect()
    }
}

/// Gives every `every`th message a vector.
pub async fn fill(client: &Client, count: usize, every: usize, lie: Lie) {
    client.batch_execute("create temp table v (n int8, e vector)").await.unwrap();
    let mut dice = Dice(0x9E37_79B9_7F4A_7C15);
    let directions: Vec<Vec<f32>> = (0..DIRECTIONS).map(|_| dice.normals(DIMENSIONS)).collect();
    let subjects: Vec<Vec<f32>> = (0..SUBJECTS).map(|_| dice.normals(DIRECTIONS)).collect();
    let mut sink = pin!(client.copy_in::<_, bytes::Bytes>("copy v from stdin").await.unwrap());
    for k in 1..=count {
        let vector: Vec<f32> = match lie {
            Lie::Anywhere => dice.normals(DIMENSIONS),
            Lie::AroundSubjects => {
                let subject = &subjects[(dice.next() * SUBJECTS as f32) as usize % SUBJECTS];
                let mut vector: Vec<f32> = (0..DIMENSIONS).map(|_| (dice.next() - 0.5) * 1.5).collect();
                for (direction, middle) in directions.iter().zip(subject) {
                    let weight = middle + 0.6 * dice.normal();
                    vector.iter_mut().zip(direction).for_each(|(v, d)| *v += weight * d);
                }
                vector
            }
        };
        let mut line = BytesMut::with_capacity(DIMENSIONS * 7);
        line.put_slice(format!("{}\t[", k * every).as_bytes());
        for (i, number) in vector.iter().enumerate() {
            line.put_slice(format!("{}{number:.3}", if i > 0 { "," } else { "" }).as_bytes());
        }
        line.put_slice(b"]\n");
        sink.feed(line.freeze()).await.unwrap();
    }
    sink.close().await.unwrap();
    let update = "update code_messages t set embedding = v.e, metadata = '{\"embedder\": \"bench\"}'
                    from v where t.id = md5('m' || v.n)::uuid";
    client.batch_execute("analyze v").await.unwrap();
    client.batch_execute(update).await.unwrap();
    client.batch_execute("drop table v").await.unwrap();
}
