//! Local PostgreSQL servers: find or fetch an installation, start and stop a pair of clusters.
