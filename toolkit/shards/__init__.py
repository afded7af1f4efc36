"""Many databases of Laurel's behind one proxy: learners on shards, content and community on home."""
