//! Code conversations: what Robbie remembers, and the embeddings they are searched by.

pub mod embedding;
