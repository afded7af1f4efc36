-- The five levels of each challenge of the track systems. Long texts go on in the next line: a
-- line break and the blanks after it are read as one blank. The n-th hint costs 5 × n XP; the
-- names of the required tests are the level's must_pass.
select learn_internal.use_product('progressive_flow');

with document(levels) as (
  select regexp_replace($json$
{
  "consensus-log": [
    {
      "goal": "Three machines agree on one sequence of commands, as long as two of them talk to each
        other.",
      "requirements": {
        "functional": ["append(command) answers when a majority has it, with its index",
          "Any machine tells a client who leads"],
        "machines": 3, "appends_per_second": 10, "p99_ms": 50
      },
      "tests": [
        {"name": "agree", "required": true, "scenario": "1,000 commands from 5 clients",
          "expect": "The three logs have the same commands in the same order"},
        {"name": "wrong-machine", "scenario": "append at a follower",
          "expect": "It names the leader"}
      ],
      "hints": ["Who may propose an order, and how is it chosen?",
        "Terms number the reigns: an old leader can be recognised."],
      "approach": "Raft with leader election by terms and randomised timeouts, AppendEntries with a
        consistency check, commit at a majority.",
      "minutes": 25
    },
    {
      "goal": "Forty thousand commands a second, and a log that does not fill the disk.",
      "requirements": {
        "functional": ["40,000 commands of 500 bytes a second over five machines",
          "Disk use stays below 50 GB"],
        "appends_per_second": 40000, "machines": 5, "log_mb_per_second": 20, "disk_gb": 50
      },
      "tests": [
        {"name": "throughput", "required": true, "scenario": "40,000 appends a second",
          "expect": "p99 below 20 ms with batching"},
        {"name": "compaction", "scenario": "A day at full load, 1.7 TB of log",
          "expect": "Snapshots keep the disk below 50 GB"},
        {"name": "slow-follower", "scenario": "One follower is at half speed",
          "expect": "The others set the pace; it catches up from a snapshot"}
      ],
      "hints": ["One fsync for many commands.",
        "A snapshot with the last index replaces what was before."],
      "approach": "Batching and pipelining of appends, group commit, snapshots with truncation, a
        bounded window per follower.",
      "minutes": 30
    },
    {
      "goal": "Every read is the newest, and each command counts once.",
      "requirements": {
        "functional": ["Reads are linearizable", "A retried command is applied once"],
        "stale_reads": 0, "duplicate_commands": 0
      },
      "tests": [
        {"name": "deposed-leader", "required": true,
          "scenario": "A cut-off leader is asked for a value that the new leader changed",
          "expect": "It does not answer with the old one"},
        {"name": "retry", "required": true,
          "scenario": "The answer is lost, the client sends again",
          "expect": "Applied once; the same answer"},
        {"name": "old-term-entry",
          "scenario": "A new leader finds an entry of a former term at a majority",
          "expect": "It commits it only together with one of its own"}
      ],
      "hints": ["A leader must make sure that it still leads before it answers.",
        "The session table belongs to the replicated state."],
      "approach": "ReadIndex with a round of heartbeats (or leases with a bound on clock drift),
        client sessions with serial numbers in the state machine.",
      "minutes": 35
    },
    {
      "goal": "Exchange machines, survive splits, stay safe with broken disks.",
      "requirements": {
        "functional": ["Two of five machines may fail in any way short of lying",
          "Members can be replaced one by one without a pause"],
        "tolerated_failures": 2, "election_seconds": 2, "availability_percent": 99.99
      },
      "tests": [
        {"name": "partition", "required": true,
          "scenario": "2 and 3 machines are separated, then joined",
          "expect": "Only the three commit; logs agree afterwards"},
        {"name": "replace-member", "required": true, "scenario": "A machine is replaced under load",
          "expect": "Never two disjoint majorities; no lost command"},
        {"name": "torn-disk", "scenario": "A machine loses the last entries that it confirmed",
          "expect": "It must not vote as if it had them"}
      ],
      "hints": ["Two configurations at the same time must share a member of every majority.",
        "Pre-votes keep a returning machine from disturbing a healthy leader."],
      "approach": "Single-server membership changes or joint consensus, learners before voters,
        pre-vote and check-quorum, checksummed logs, amnesia handled as a new member.",
      "minutes": 30
    },
    {
      "goal": "Cheaper reads, shorter distances, many logs on one fleet.",
      "requirements": {
        "functional": ["200,000 reads a second without going through the log",
          "1,000 independent logs on 15 machines"],
        "reads_per_second": 200000, "logs": 1000, "machines": 15, "commit_p99_ms": 10
      },
      "tests": [
        {"name": "follower-reads", "required": true, "scenario": "Reads at followers",
          "expect": "Linearizable by asking for the read index"},
        {"name": "many-logs", "scenario": "1,000 logs, most of them idle",
          "expect": "Idle ones cost no heartbeats; leaders are spread evenly"},
        {"name": "far-member", "scenario": "One member is 80 ms away",
          "expect": "Commits wait for the near majority"}
      ],
      "hints": ["A follower may answer once it has applied what was committed when it was asked.",
        "Heartbeats of many groups between two machines can travel together."],
      "approach": "Follower reads by read index, batched heartbeats per pair of machines, quiescence
        of idle groups, leader placement near the writers.",
      "minutes": 30
    }
  ],
  "photo-sharing": [
    {
      "goal": "Upload a photo with a caption; followers see it on a profile page.",
      "requirements": {
        "functional": ["The photo goes directly to storage; the post appears when it is complete",
          "A profile shows the newest 30"],
        "users": 5000, "uploads_per_minute": 20, "page_p99_ms": 300
      },
      "tests": [
        {"name": "upload", "required": true, "scenario": "A photo of 6 MB on a mobile network",
          "expect": "The post appears once storage has confirmed"},
        {"name": "broken-upload", "scenario": "The connection is lost at 60 %",
          "expect": "It goes on at 60 %"}
      ],
      "hints": ["Your servers need not touch the bytes.",
        "A post has states: only the complete one is visible."],
      "approach": "Signed resumable uploads to object storage, a post in state \"uploading\" then
        \"published\", profile query by (user, time).",
      "minutes": 20
    },
    {
      "goal": "A hundred million photos a day.",
      "requirements": {
        "functional": ["1,200 uploads a second, 5 sizes each", "Keep everything for ten years"],
        "uploads_per_second": 1200, "photos_per_day": 100000000, "stored_pb_per_year": 110,
        "views_per_second": 600000
      },
      "tests": [
        {"name": "sizing", "required": true, "scenario": "Bytes per day with all sizes",
          "expect": "100 million × 3 MB is 300 TB a day, 110 PB a year"},
        {"name": "views", "scenario": "600,000 views a second",
          "expect": "97 % from the CDN, 18,000 a second from storage"}
      ],
      "hints": ["Old photos are seen rarely: what does that say about where they live?",
        "The database holds names and owners only."],
      "approach": "Object storage with erasure coding, derived sizes by workers, CDN, metadata
        sharded by user, warm storage after 90 days.",
      "minutes": 30
    },
    {
      "goal": "A private account, a deleted photo: links must not outlive the permission.",
      "requirements": {
        "functional": ["A deleted photo cannot be opened after 60 seconds, by link or in caches",
          "Private photos are seen by approved followers only"],
        "removal_seconds": 60, "leaks": 0
      },
      "tests": [
        {"name": "deleted-link", "required": true,
          "scenario": "A copied CDN address after deletion",
          "expect": "404 within 60 seconds, everywhere"},
        {"name": "removed-follower", "required": true,
          "scenario": "A follower is removed while scrolling",
          "expect": "The next page is refused"},
        {"name": "counter", "scenario": "500 likes a second on one photo",
          "expect": "The count is right in the end"}
      ],
      "hints": ["An address that is valid for ever cannot be taken back.",
        "Check permission where the link is made, and keep links short-lived."],
      "approach": "Signed addresses valid for minutes, purge by photo at the CDN, permission in the
        read path, counters by aggregated events.",
      "minutes": 30
    },
    {
      "goal": "A region is lost, and with it the newest uploads?",
      "requirements": {
        "functional": ["No published photo is lost with a region",
          "Uploading and viewing go on in the others"],
        "durability_nines": 11, "rpo_seconds": 60, "availability_percent": 99.95
      },
      "tests": [
        {"name": "region-loss", "required": true, "scenario": "A region is lost for good",
          "expect": "At most the last 60 seconds exist once, and these are still on phones"},
        {"name": "poison-photo", "required": true, "scenario": "A photo crashes the resizer",
          "expect": "Set aside; the post is published with the original"},
        {"name": "half-published", "scenario": "A worker dies between sizes",
          "expect": "The post is completed by a retry"}
      ],
      "hints": ["The phone can keep the original until two regions have it.",
        "Which steps after an upload are really needed before it is seen?"],
      "approach": "Asynchronous replication with acknowledgement levels, the client keeps what is
        not yet doubled, idempotent pipeline steps.",
      "minutes": 30
    },
    {
      "goal": "Pictures in 200 ms on a slow phone, at a third less traffic.",
      "requirements": {
        "functional": ["First screen visible in a second on 3G", "The format fits the device"],
        "first_screen_ms": 1000, "bytes_saved_percent": 35, "storage_cost_saved_percent": 40
      },
      "tests": [
        {"name": "slow-phone", "required": true, "scenario": "A feed on 400 kbit/s",
          "expect": "Placeholders at once, sharp pictures of the first screen within a second"},
        {"name": "prefetch", "scenario": "A user scrolls evenly",
          "expect": "The next ones are there; what is not seen costs under 10 %"},
        {"name": "dedup", "scenario": "One picture is posted by 100,000 people",
          "expect": "It is stored once"}
      ],
      "hints": ["Thirty bytes are enough for a blurred placeholder.",
        "Progressive formats show something early."],
      "approach": "Blur hashes in the feed, AVIF or WebP by device, progressive loading with
        prefetch by speed, content hashes for equal files, cold tiers.",
      "minutes": 35
    }
  ],
  "trending-topics": [
    {
      "goal": "Show the ten words that are used most in the last hour.",
      "requirements": {
        "functional": ["Posts come as a stream; words are counted over the last hour",
          "The list is renewed each minute"],
        "posts_per_second": 50, "window_minutes": 60, "list": 10
      },
      "tests": [
        {"name": "top-ten", "required": true, "scenario": "Known words in a test stream",
          "expect": "The ten most frequent, in order"},
        {"name": "slides", "scenario": "A word stops",
          "expect": "It falls off the list after an hour"}
      ],
      "hints": ["Sixty counters of a minute make an hour.",
        "Drop the oldest minute, add the newest."],
      "approach": "Counts per word and minute, a sliding sum over 60 buckets, a heap of ten.",
      "minutes": 20
    },
    {
      "goal": "Five hundred thousand posts a second, a billion different words.",
      "requirements": {
        "functional": ["Count without a counter for every word",
          "200 countries with lists of their own"],
        "posts_per_second": 500000, "distinct_terms": 1000000000, "memory_gb": 20, "countries": 200
      },
      "tests": [
        {"name": "heavy-hitters", "required": true, "scenario": "1 billion words, Zipf",
          "expect": "All true top 100 are found, counts within 1 %"},
        {"name": "memory", "scenario": "The state of all countries", "expect": "Below 20 GB"}
      ],
      "hints": ["Only the frequent matter: a sketch forgets the rest.",
        "Shard by word, merge the tops."],
      "approach": "Count-min sketch with heavy hitters (Space-Saving) per country and minute,
        sharding by word, merging of candidates.",
      "minutes": 30
    },
    {
      "goal": "\"Good morning\" is frequent, but it is not a trend.",
      "requirements": {
        "functional": ["Rank by surprise against the same hour of other days",
          "The same lists on every server"],
        "baseline_days": 28, "list_differences": 0
      },
      "tests": [
        {"name": "morning", "required": true, "scenario": "9 o'clock on a Monday",
          "expect": "\"good morning\" is not in the list"},
        {"name": "earthquake", "required": true,
          "scenario": "A word goes from 10 to 50,000 an hour",
          "expect": "On the list within 2 minutes"},
        {"name": "two-readers", "scenario": "Two servers at the same time",
          "expect": "The same version of the list"}
      ],
      "hints": ["Compare with what was to be expected.",
        "A rare word with 3 mentions is no trend: smooth."],
      "approach": "Score of (observed − expected) / √expected with a minimum, seasonal baselines,
        published as a numbered version.",
      "minutes": 30
    },
    {
      "goal": "Lists stay alive when counters die.",
      "requirements": {
        "functional": ["A dead counter does not distort the list",
          "After a restart, lists are right within 5 minutes"],
        "availability_percent": 99.9, "recovery_minutes": 5
      },
      "tests": [
        {"name": "counter-dies", "required": true, "scenario": "One of 40 counters dies",
          "expect": "Its words are counted elsewhere from a checkpoint; no false trend"},
        {"name": "stream-stops", "required": true, "scenario": "The stream stops for 10 minutes",
          "expect": "The old list stays with its time; no \"trends\" from the gap"},
        {"name": "replay", "scenario": "The last hour is counted again", "expect": "The same list"}
      ],
      "hints": ["A gap in the data looks like a change.", "Normalise by the volume of the stream."],
      "approach": "Checkpoints each minute, replay from the log, scores relative to total volume,
        publishing held back on gaps.",
      "minutes": 30
    },
    {
      "goal": "Not for sale: bots out, doubles together, personal lists.",
      "requirements": {
        "functional": ["100,000 bots do not bring a word onto the list",
          "\"#Final\" and \"the final\" are one trend"],
        "bot_accounts": 100000, "cluster_precision_percent": 95, "p99_ms": 50
      },
      "tests": [
        {"name": "bots", "required": true, "scenario": "100,000 young accounts use one word",
          "expect": "It does not appear"},
        {"name": "cluster", "scenario": "Six spellings of an event", "expect": "One entry"},
        {"name": "personal", "scenario": "A cyclist in Bern",
          "expect": "Global lists re-ranked by interest in 50 ms"}
      ],
      "hints": ["Count people with weight, not posts.",
        "Words that occur together belong together."],
      "approach": "Distinct-user sketches weighted by trust, clustering of co-occurring words,
        personal re-ranking of precomputed candidates.",
      "minutes": 35
    }
  ],
  "news-feed": [
    {
      "goal": "Show users the newest posts of those whom they follow.",
      "requirements": {
        "functional": ["post(text), follow(user), feed() with the newest 20",
          "Paging goes on where it ended"],
        "users": 10000, "posts_per_second": 5, "feeds_per_second": 50, "p99_ms": 200
      },
      "tests": [
        {"name": "newest-first", "required": true,
          "scenario": "Ana follows three authors with 10 posts each",
          "expect": "The newest 20 of the 30, in order"},
        {"name": "paging", "scenario": "New posts arrive while paging",
          "expect": "No post is shown twice or skipped"}
      ],
      "hints": ["Collecting at reading time is a merge of sorted lists.",
        "A page number slips when posts arrive; a position does not."],
      "approach": "Tables of posts by author and of follows, a merge of the authors' newest at
        reading, cursors of (time, id).",
      "minutes": 20
    },
    {
      "goal": "Three hundred million users, and authors with fifty million followers.",
      "requirements": {
        "functional": ["10,000 posts and 300,000 feeds a second",
          "200 followers on average, 50 million at most"],
        "posts_per_second": 10000, "feeds_per_second": 300000, "average_followers": 200,
        "max_followers": 50000000
      },
      "tests": [
        {"name": "celebrity", "required": true,
          "scenario": "An author with 50 million followers posts",
          "expect": "It is in feeds within 10 seconds, without 50 million writes"},
        {"name": "fan-out-load", "scenario": "10,000 posts × 200 followers",
          "expect": "2 million list insertions a second are sized and sharded"}
      ],
      "hints": ["Pushing is cheap for the many small authors, pulling for the few large ones.",
        "A feed needs ids only; the posts come from a cache."],
      "approach": "Fan-out on write into lists of 800 ids for normal authors, merge at reading for
        authors above 100,000 followers, posts hydrated from a cache.",
      "minutes": 30
    },
    {
      "goal": "A blocked author, a deleted post, a private account: the feed obeys at once.",
      "requirements": {
        "functional": ["Deleted or forbidden posts are never shown from the next reading on",
          "One's own post is in one's own feed at once"],
        "forbidden_posts_shown": 0, "own_post_ms": 0
      },
      "tests": [
        {"name": "deleted", "required": true,
          "scenario": "A post is deleted after it was pushed to a million lists",
          "expect": "Nobody sees it from the next reading on"},
        {"name": "blocked", "required": true, "scenario": "Ben blocks Ana",
          "expect": "Ana's next page has nothing of Ben's"},
        {"name": "unfollow-race", "scenario": "Unfollow while a fan-out is running",
          "expect": "No post of the author after the unfollow"}
      ],
      "hints": ["Lists are hints; who may see is decided when reading.",
        "A million lists need not be cleaned at once if the reader filters."],
      "approach": "Visibility checked at hydration against posts and relations, own posts merged in,
        lists cleaned lazily.",
      "minutes": 30
    },
    {
      "goal": "The fan-out is an hour behind; what do users see?",
      "requirements": {
        "functional": ["Reading works when fan-out is stopped",
          "A lost list is rebuilt when it is needed"],
        "availability_percent": 99.95, "rebuild_ms": 500, "lost_posts": 0
      },
      "tests": [
        {"name": "fan-out-stopped", "required": true, "scenario": "Workers stop for an hour",
          "expect": "Feeds are pulled for active users; afterwards they are complete"},
        {"name": "list-lost", "required": true, "scenario": "A shard with 5 million lists is lost",
          "expect": "They are rebuilt on reading within 500 ms, under a limit"},
        {"name": "duplicate-work", "scenario": "A fan-out batch is repeated",
          "expect": "No post appears twice"}
      ],
      "hints": ["What in the feed is derived, and from what?",
        "Idempotent insertions make repeats harmless."],
      "approach": "Lists as caches, rebuild by pull with admission control, a durable queue for
        fan-out with idempotent batches, graceful degradation to pull.",
      "minutes": 30
    },
    {
      "goal": "Rank by interest within 100 ms, and do not compute for those who sleep.",
      "requirements": {
        "functional": ["Rank 500 candidates per reading",
          "No work for users who have been away for 30 days"],
        "p99_ms": 100, "candidates": 500, "fan_out_saved_percent": 60
      },
      "tests": [
        {"name": "ranked", "required": true, "scenario": "500 candidates with features",
          "expect": "20 chosen within 100 ms"},
        {"name": "inactive", "scenario": "60 % of the followers are inactive",
          "expect": "They cause no insertions; their first feed takes under a second"},
        {"name": "diversity", "scenario": "One author posts 30 times an hour",
          "expect": "At most 2 in a row"}
      ],
      "hints": ["Two stages: a cheap score for all, an expensive one for the best.",
        "Build the feed of an inactive user when that user comes back."],
      "approach": "Candidates from lists and pull, two-stage ranking with features from a cache,
        fan-out to active users only, diversity rules at the end.",
      "minutes": 35
    }
  ],
  "chat-system": [
    {
      "goal": "Two people write to each other and see the messages at once.",
      "requirements": {
        "functional": ["Messages go over an open connection; who is offline gets them later",
          "The conversation can be scrolled back"],
        "users": 1000, "messages_per_second": 20, "delivery_ms": 200
      },
      "tests": [
        {"name": "online", "required": true, "scenario": "Ana writes to Ben, both online",
          "expect": "He has it within 200 ms"},
        {"name": "offline", "required": true, "scenario": "Ben is offline for an hour",
          "expect": "He gets everything in order when he returns"}
      ],
      "hints": ["The server must be able to speak first.",
        "Store first, then deliver: the connection may be gone."],
      "approach": "WebSocket gateways, messages stored by conversation with a sequence number,
        delivery to the connection, the rest on sync.",
      "minutes": 20
    },
    {
      "goal": "Fifty million connections and half a million messages a second.",
      "requirements": {
        "functional": ["50 million open connections over gateways",
          "Messages of 10 years, 15 billion a day"],
        "connections": 50000000, "messages_per_second": 500000, "messages_per_day": 15000000000,
        "stored_tb_per_day": 4.5
      },
      "tests": [
        {"name": "routing", "required": true, "scenario": "A message for a user on gateway 83",
          "expect": "One lookup, one hop"},
        {"name": "group", "scenario": "A group of 1,000 with 300 online",
          "expect": "300 deliveries, one stored message"}
      ],
      "hints": ["50 million over gateways of 500,000 is a hundred of them.",
        "Store a group's message once, and a pointer per reader."],
      "approach": "A registry of user to gateways, messages partitioned by conversation in a
        wide-column store, read positions per member.",
      "minutes": 30
    },
    {
      "goal": "The same order for everyone, no message twice, on three devices.",
      "requirements": {
        "functional": ["All members see a conversation in one order",
          "A retry on a bad network gives one message"],
        "duplicates": 0, "order_differences": 0, "devices": 3
      },
      "tests": [
        {"name": "same-order", "required": true, "scenario": "5 members write at the same time",
          "expect": "All see the same order"},
        {"name": "flaky-network", "required": true,
          "scenario": "Each message is sent up to 3 times", "expect": "Once in the conversation"},
        {"name": "read-state", "scenario": "Read on the phone",
          "expect": "The laptop shows no badge within a second"}
      ],
      "hints": ["One place per conversation can count.",
        "A client id per message lets the server recognise the retry."],
      "approach": "A sequence per conversation from the partition's owner, client message ids with a
        unique key, read positions as maximum that sync.",
      "minutes": 30
    },
    {
      "goal": "A gateway with half a million users dies in the middle of New Year's Eve.",
      "requirements": {
        "functional": ["No message that was marked \"sent\" is lost",
          "Clients are back within 30 seconds without a storm"],
        "lost_messages": 0, "reconnect_seconds": 30, "peak_factor": 4, "availability_percent": 99.99
      },
      "tests": [
        {"name": "gateway-dies", "required": true, "scenario": "A gateway with 500,000 users dies",
          "expect": "They are back in 30 seconds and have every message"},
        {"name": "region-loss", "required": true, "scenario": "A region fails",
          "expect": "Conversations go on in the other; confirmed messages are there"},
        {"name": "peak", "scenario": "Four times the messages at midnight",
          "expect": "Delivery slows to 5 seconds at most; nothing is lost"}
      ],
      "hints": ["The tick appears when the message is safe, not when it was sent.",
        "On return the client says what it has; the server sends the rest."],
      "approach": "Acknowledgement after replication to two regions, sync by sequence, reconnect
        with jitter, queues that degrade typing signals first.",
      "minutes": 35
    },
    {
      "goal": "Encrypted end to end, quick on weak networks, light on batteries.",
      "requirements": {
        "functional": ["The server cannot read messages",
          "Opening the app costs one round trip and 5 KB"],
        "open_ms": 500, "sync_kb": 5, "storage_saved_percent": 50
      },
      "tests": [
        {"name": "unreadable", "required": true, "scenario": "The database is stolen",
          "expect": "Nothing can be read; old messages not even with today's keys"},
        {"name": "sync", "scenario": "200 conversations, 12 with news",
          "expect": "One request, about 5 KB"},
        {"name": "media", "scenario": "A video of 50 MB to a group of 100",
          "expect": "One encrypted upload"}
      ],
      "hints": ["A ratchet renews the keys with each message.",
        "Ask for what is newer than your position."],
      "approach": "Double ratchet per device pair and sender keys for groups, delta sync by
        position, media as encrypted objects with the key in the message, tiered storage.",
      "minutes": 35
    }
  ],
  "ad-click-aggregation": [
    {
      "goal": "Count the clicks per ad and minute.",
      "requirements": {
        "functional": ["Each click is an event with ad, user and time",
          "Show clicks per ad for the last hour"],
        "clicks_per_second": 100, "ads": 1000, "delay_seconds": 60
      },
      "tests": [
        {"name": "per-minute", "required": true,
          "scenario": "6,000 clicks within a minute on 10 ads",
          "expect": "Right numbers a minute later"},
        {"name": "raw-kept", "scenario": "A customer doubts the number",
          "expect": "The raw events can be counted again"}
      ],
      "hints": ["Keep what came in, and count from it.", "The minute is that of the click."],
      "approach": "An append-only log of events, a consumer that counts per (ad, minute), a table of
        results.",
      "minutes": 20
    },
    {
      "goal": "A billion clicks a day, two million ads.",
      "requirements": {
        "functional": ["10,000 clicks a second, 50,000 at peak",
          "The top 100 ads of the last minutes"],
        "clicks_per_day": 1000000000, "peak_per_second": 50000, "ads": 2000000,
        "raw_gb_per_day": 100
      },
      "tests": [
        {"name": "peak", "required": true, "scenario": "50,000 a second for 10 minutes",
          "expect": "Counts at most a minute late"},
        {"name": "hot-ad", "scenario": "One ad has 30 % of the clicks",
          "expect": "No worker above 80 %"}
      ],
      "hints": ["Count locally first, then add up.",
        "A top 100 of the parts is needed before the top 100 of the whole."],
      "approach": "Partitioned log by ad, pre-aggregation before the shuffle, tree merge of top
        lists, raw events to columnar files.",
      "minutes": 30
    },
    {
      "goal": "Clicks are money: each counts once, in its minute.",
      "requirements": {
        "functional": ["Every click counts once although workers restart",
          "Clicks that are up to 15 minutes late count"],
        "error_percent": 0.01, "late_minutes": 15, "duplicates": 0
      },
      "tests": [
        {"name": "worker-restart", "required": true, "scenario": "Workers are killed 50 times",
          "expect": "Counts equal the raw events"},
        {"name": "late", "required": true, "scenario": "2 % come 10 minutes late",
          "expect": "In their own minute; the result is corrected"},
        {"name": "double-click", "scenario": "The same click id twice", "expect": "One"}
      ],
      "hints": ["State and position must be saved together.",
        "A watermark says up to when the past is complete, probably."],
      "approach": "Event-time windows with watermarks and allowed lateness, checkpoints of state
        with offsets, idempotent upserts of results, deduplication by click id within a day.",
      "minutes": 35
    },
    {
      "goal": "A bug counted wrong for three days: count again without stopping.",
      "requirements": {
        "functional": ["Recount any period from raw events",
          "The loss of the stream processor costs no click"],
        "recount_days": 3, "recount_hours": 2, "lost_clicks": 0, "availability_percent": 99.9
      },
      "tests": [
        {"name": "recount", "required": true, "scenario": "3 billion clicks",
          "expect": "Counted anew within 2 hours, switched at once; today goes on"},
        {"name": "processor-down", "required": true,
          "scenario": "The processor is down for 2 hours",
          "expect": "It catches up within an hour; nothing is missing"},
        {"name": "compare", "scenario": "Stream and nightly batch differ by more than 0.01 %",
          "expect": "An alarm"}
      ],
      "hints": ["One code for stream and batch keeps them equal.",
        "Write the new result beside the old."],
      "approach": "Replay from the log through the same job into a new version of the table, daily
        reconciliation by batch, replicated log with 7 days.",
      "minutes": 30
    },
    {
      "goal": "Any filter in a second, at a fifth of the cost.",
      "requirements": {
        "functional": ["Country × device × hour for 90 days in a second",
          "Sort out false clicks within a minute"],
        "query_p95_seconds": 1, "cost_reduction_percent": 80, "retention_days": 90
      },
      "tests": [
        {"name": "slice", "required": true, "scenario": "One ad by country and device, 90 days",
          "expect": "In a second"},
        {"name": "bots", "scenario": "A farm of 5,000 devices clicks",
          "expect": "Recognised within a minute, credited back"},
        {"name": "unique", "scenario": "Distinct users per ad",
          "expect": "Within 2 % by sketches that can be merged"}
      ],
      "hints": ["Store a few dimensions together, the rest on request.",
        "HyperLogLog adds up; distinct counts do not."],
      "approach": "Columnar OLAP store with rollups by hour, sketches, tiering, streaming rules plus
        a model for invalid clicks.",
      "minutes": 30
    }
  ],
  "online-judge": [
    {
      "goal": "Compile and run a stranger's program against tests.",
      "requirements": {
        "functional": ["Limits of time and memory; verdict per test",
          "The program has no network and no files"],
        "submissions_per_minute": 20, "time_limit_ms": 2000, "memory_mb": 256, "tests": 20
      },
      "tests": [
        {"name": "verdicts", "required": true,
          "scenario": "Right, wrong, endless and greedy programs",
          "expect": "Accepted, wrong answer, time limit, memory limit"},
        {"name": "escape", "required": true,
          "scenario": "A program tries network, fork bomb and /etc/passwd",
          "expect": "Refused; the machine is well"}
      ],
      "hints": ["Assume that each program is hostile.", "Count processor time, not wall time."],
      "approach": "A fresh sandbox per run (namespaces, seccomp, cgroups or microVM), no network,
        read-only root, limits enforced from outside.",
      "minutes": 25
    },
    {
      "goal": "A contest with a hundred thousand participants.",
      "requirements": {
        "functional": ["2,000 submissions a second in the first minutes",
          "Verdict within 10 seconds"],
        "participants": 100000, "submissions_per_second": 2000, "seconds_per_submission": 4,
        "verdict_p95_seconds": 10
      },
      "tests": [
        {"name": "sizing", "required": true, "scenario": "2,000 × 4 s of processor",
          "expect": "8,000 cores, or a queue with priorities"},
        {"name": "same-tests", "scenario": "50 MB of tests per task",
          "expect": "Copied to each machine once"}
      ],
      "hints": ["Stop at the first failing test.",
        "The first task gets nearly all submissions of the first minutes."],
      "approach": "Queues by contest with priorities, workers with cached tests and warm sandboxes,
        scaling ahead of the known start, pretests.",
      "minutes": 30
    },
    {
      "goal": "The same program gets the same verdict; the table is right at the bell.",
      "requirements": {
        "functional": ["Times vary by at most 3 %",
          "A submission counts when it was received in time"],
        "time_variation_percent": 3, "verdict_flips_per_10000": 1
      },
      "tests": [
        {"name": "repeat", "required": true,
          "scenario": "1,000 programs are run 10 times on different machines",
          "expect": "Same verdicts"},
        {"name": "at-the-bell", "required": true,
          "scenario": "Sent at 11:59:59, judged at 12:00:20", "expect": "It counts"},
        {"name": "rejudge", "scenario": "A test was wrong",
          "expect": "All concerned are judged again; the table changes at once"}
      ],
      "hints": ["Neighbours on the same core cost time.",
        "The time of receipt is a fact; judging is later."],
      "approach": "Dedicated cores with fixed frequency, one run per core, margins by repeated runs
        near the limit, standings as a projection over judged submissions.",
      "minutes": 30
    },
    {
      "goal": "Machines die, programs break sandboxes, and nobody is judged unjustly.",
      "requirements": {
        "functional": ["A lost run is repeated without counting as an attempt",
          "A broken sandbox harms one machine at most"],
        "availability_percent": 99.9, "lost_submissions": 0, "machine_lifetime_minutes": 60
      },
      "tests": [
        {"name": "worker-dies", "required": true, "scenario": "A machine dies with 8 runs",
          "expect": "They run elsewhere; no participant is charged"},
        {"name": "breakout", "required": true, "scenario": "A program breaks out",
          "expect": "It finds neither secrets nor other people's programs"},
        {"name": "poison", "scenario": "A program crashes each judge",
          "expect": "After 3 machines \"system error\", looked at by people"}
      ],
      "hints": ["Our failure and the program's failure are different verdicts.",
        "A machine that is thrown away each hour keeps no enemy."],
      "approach": "Leased runs with attempts, microVMs on throwaway machines without credentials,
        results by a one-way channel, quarantine.",
      "minutes": 30
    },
    {
      "goal": "Quicker verdicts for less money, and copies found.",
      "requirements": {
        "functional": ["First feedback within 1 second", "Find copied programs among 100,000"],
        "first_feedback_ms": 1000, "cost_reduction_percent": 60, "plagiarism_recall_percent": 95
      },
      "tests": [
        {"name": "feedback", "required": true, "scenario": "A wrong program",
          "expect": "\"Wrong on test 1\" within a second"},
        {"name": "spot", "scenario": "40 % of the machines vanish within 2 minutes",
          "expect": "Verdicts slow down, none is wrong"},
        {"name": "copies", "scenario": "Renamed variables and moved functions",
          "expect": "95 % of the pairs found, in an hour"}
      ],
      "hints": ["Order tests so that the first ones catch most.",
        "Fingerprints of token sequences avoid comparing all pairs."],
      "approach": "Tests ordered by power, compilation cache by hash, spot machines for runs,
        winnowing fingerprints with an inverted index.",
      "minutes": 30
    }
  ],
  "file-sync": [
    {
      "goal": "Keep a folder equal on a laptop and in the cloud.",
      "requirements": {
        "functional": ["New, changed and deleted files are carried over in both directions",
          "Only what is new is transferred"],
        "files": 10000, "devices": 2, "sync_seconds": 30
      },
      "tests": [
        {"name": "change", "required": true, "scenario": "A file is changed on the laptop",
          "expect": "In the cloud within 30 seconds"},
        {"name": "delete", "required": true, "scenario": "A file is deleted in the cloud",
          "expect": "Gone on the laptop; not uploaded again"}
      ],
      "hints": ["To tell \"new here\" from \"deleted there\" you must remember what was equal last
          time.",
        "Compare three: local, remote and the last common state."],
      "approach": "A client database with the last synced state, a file system watcher, a server
        journal with cursor, three-way comparison.",
      "minutes": 20
    },
    {
      "goal": "Five hundred million users with a hundred billion files.",
      "requirements": {
        "functional": ["50 PB of new data a month",
          "A change of 1 MB in a file of 1 GB sends about 1 MB"],
        "files": 100000000000, "new_pb_per_month": 50, "connected_devices": 100000000, "block_mb": 4
      },
      "tests": [
        {"name": "delta", "required": true, "scenario": "1 MB in the middle of 1 GB is changed",
          "expect": "At most 2 blocks are sent"},
        {"name": "notify", "scenario": "100 million devices wait for news",
          "expect": "Long polls say \"something changed\"; nobody polls by the second"}
      ],
      "hints": ["Cut files into blocks, name them by their hash.",
        "Fixed borders shift when a byte is inserted; borders by content do not."],
      "approach": "Content-defined blocks of about 4 MB in a block store by hash, metadata sharded
        by namespace, notification servers with cursors.",
      "minutes": 30
    },
    {
      "goal": "Two people edit the same file offline.",
      "requirements": {
        "functional": ["No edit is ever lost", "A folder move is one step for everybody"],
        "lost_edits": 0, "metadata_order": "total per namespace"
      },
      "tests": [
        {"name": "conflict", "required": true, "scenario": "Both change a file offline",
          "expect": "One version and one \"conflicted copy\"; both bytes are there"},
        {"name": "move-vs-edit", "required": true,
          "scenario": "One moves a folder while another edits in it",
          "expect": "The edit is found in the new place"},
        {"name": "cycle", "scenario": "A moves X into Y, B moves Y into X",
          "expect": "One of them is refused; no lost tree"}
      ],
      "hints": ["An edit says which version it was based on.",
        "Identify files by id, not by path."],
      "approach": "A journal per namespace with a total order, compare-and-set on parent versions,
        ids instead of paths, conflicted copies.",
      "minutes": 35
    },
    {
      "goal": "A bug deletes everything, ransomware encrypts everything: get it back.",
      "requirements": {
        "functional": ["Any state of the last 30 days can be restored",
          "No confirmed block is ever lost"],
        "restore_days": 30, "durability_nines": 12, "availability_percent": 99.9
      },
      "tests": [
        {"name": "mass-delete", "required": true,
          "scenario": "A client deletes 100,000 files within a minute",
          "expect": "It is stopped or asked; all can be restored at once"},
        {"name": "half-upload", "required": true,
          "scenario": "The laptop loses power in the middle of an upload",
          "expect": "The old version is whole; uploading goes on"},
        {"name": "block-store-down", "scenario": "Storage is down for an hour",
          "expect": "Editing goes on locally; all is carried over later"}
      ],
      "hints": ["Deleting is an entry in the journal.",
        "A version becomes visible when all of its blocks are stored."],
      "approach": "A journal with versions, delayed garbage collection of blocks, commit after all
        blocks, anomaly detection on mass changes.",
      "minutes": 30
    },
    {
      "goal": "Save storage, uploads and laptop batteries.",
      "requirements": {
        "functional": ["Store equal blocks once across users of a company",
          "Sync between two laptops in one room does not go over the internet"],
        "dedup_saved_percent": 30, "lan_speed_mbyte": 50, "idle_cpu_percent": 1
      },
      "tests": [
        {"name": "dedup", "required": true, "scenario": "1,000 employees have the same slides",
          "expect": "Stored once; nobody can find out by hash what others have"},
        {"name": "lan", "scenario": "2 GB for the colleague next door",
          "expect": "At local speed, encrypted"},
        {"name": "placeholder", "scenario": "A library of 2 TB on a disk of 256 GB",
          "expect": "Names are there, bytes come when opened"}
      ],
      "hints": ["If knowing a hash is enough to get the bytes, a hash is a key.",
        "Compress and bundle small files."],
      "approach": "Deduplication per organisation with proof of possession, LAN discovery with keys
        from the server, placeholders, bundling of small files.",
      "minutes": 30
    }
  ],
  "email-service": [
    {
      "goal": "Receive a mail over SMTP and show it in a mailbox.",
      "requirements": {
        "functional": ["Accept for known recipients, refuse others during the dialogue",
          "Show the inbox newest first; open a mail with attachments"],
        "mailboxes": 1000, "mails_per_minute": 50, "inbox_p99_ms": 300
      },
      "tests": [
        {"name": "deliver", "required": true, "scenario": "A mail with an attachment",
          "expect": "It is in the inbox with the same bytes"},
        {"name": "unknown-recipient", "required": true, "scenario": "A mail to nobody",
          "expect": "550 during SMTP, no bounce later"}
      ],
      "hints": ["After \"250 OK\" the mail is yours: what must have happened before?",
        "Refuse early: a bounce goes to a forged sender."],
      "approach": "An SMTP front that checks recipients, stores durably before 250, mail as object
        and headers in a table by mailbox.",
      "minutes": 20
    },
    {
      "goal": "A billion mailboxes and twenty exabytes.",
      "requirements": {
        "functional": ["3 million mails a second including spam, 20 GB per mailbox on average",
          "Search within one mailbox"],
        "mailboxes": 1000000000, "mails_per_second": 3000000, "spam_percent": 80, "stored_eb": 20
      },
      "tests": [
        {"name": "spam-first", "required": true, "scenario": "80 % of 3 million a second are spam",
          "expect": "Most are refused before the body is taken"},
        {"name": "search", "scenario": "200,000 mails in a mailbox",
          "expect": "A search takes 500 ms"}
      ],
      "hints": ["Most connections deserve no byte of your disk.",
        "No query crosses mailboxes: a perfect shard key."],
      "approach": "Reputation and limits at connection, content checks in queues, mailboxes as
        shards with their own index, attachments deduplicated in object storage.",
      "minutes": 30
    },
    {
      "goal": "Phone, laptop and web change the same mailbox.",
      "requirements": {
        "functional": ["Flags, moves and deletions agree on all devices",
          "A mail is stored once although the sender's server retries"],
        "duplicates": 0, "sync_seconds": 2, "devices": 4
      },
      "tests": [
        {"name": "retry", "required": true, "scenario": "\"250\" is lost, the sender sends again",
          "expect": "One mail in the inbox"},
        {"name": "offline-moves", "required": true,
          "scenario": "The phone moved offline what the laptop deleted",
          "expect": "The same result on all devices, as documented"},
        {"name": "sync", "scenario": "A phone that was off for a week",
          "expect": "It gets the changes, not the mailbox"}
      ],
      "hints": ["Message-ID and recipient recognise a retry.",
        "A number that grows with each change is all that a client has to remember."],
      "approach": "A change log per mailbox with modification sequence, operations instead of
        states, deduplication by Message-ID and content within days.",
      "minutes": 30
    },
    {
      "goal": "Mail may be late, but never lost.",
      "requirements": {
        "functional": ["Confirmed mail survives the loss of a data centre",
          "Outgoing mail is tried for 5 days"],
        "lost_mails": 0, "retry_days": 5, "rpo_seconds": 0, "availability_percent": 99.95
      },
      "tests": [
        {"name": "datacentre-loss", "required": true, "scenario": "Loss right after 250",
          "expect": "The mail is in the other data centre"},
        {"name": "remote-down", "required": true,
          "scenario": "The recipient's server is down for 2 days",
          "expect": "Delivered afterwards, in order of time, without hammering"},
        {"name": "mailbox-shard-down", "scenario": "A shard is being repaired",
          "expect": "Its mail waits in the queue; senders see 250"}
      ],
      "hints": ["Wait for the second site before you promise.",
        "A queue in front of mailboxes hides their outages."],
      "approach": "Synchronous replication of the incoming queue to two sites, delivery to mailboxes
        as idempotent retries, outgoing queue per destination with backoff.",
      "minutes": 35
    },
    {
      "goal": "Cheaper per gigabyte, quicker to open, better at sorting out.",
      "requirements": {
        "functional": ["The inbox opens in 150 ms",
          "99.9 % of the spam and at most 0.01 % of good mail are sorted out"],
        "open_p95_ms": 150, "spam_caught_percent": 99.9, "false_positive_percent": 0.01,
        "storage_saved_percent": 45
      },
      "tests": [
        {"name": "open", "required": true, "scenario": "A mailbox of 50 GB, opened after a week",
          "expect": "The first page in 150 ms"},
        {"name": "attachment", "scenario": "One PDF to 20,000 employees", "expect": "Stored once"},
        {"name": "new-wave", "scenario": "A new spam campaign",
          "expect": "Recognised within 5 minutes from reports"}
      ],
      "hints": ["The newest 50 headers of active users fit into memory.",
        "Spam comes in herds: look for what is alike."],
      "approach": "Hot headers cached by activity, cold mail in dense storage, attachment
        deduplication per organisation, streaming clusters of similar mails plus reputation.",
      "minutes": 35
    }
  ],
  "video-streaming": [
    {
      "goal": "Upload a film and let others watch it at a quality that fits their line.",
      "requirements": {
        "functional": ["The film is cut into segments in three qualities",
          "The player changes quality without a stop"],
        "videos": 500, "concurrent_viewers": 50, "qualities": 3, "start_ms": 2000
      },
      "tests": [
        {"name": "adaptive", "required": true, "scenario": "The line falls from 8 to 1 Mbit/s",
          "expect": "The player changes to a lower quality, without a stop"},
        {"name": "seek", "scenario": "Jump to minute 42", "expect": "Playing after 2 seconds"}
      ],
      "hints": ["Segments of a few seconds are independent files.",
        "The client measures; the server only offers."],
      "approach": "HLS or DASH: a ladder of qualities, segments of 4 seconds with key frames
        aligned, a manifest, plain HTTP delivery.",
      "minutes": 20
    },
    {
      "goal": "Five hundred hours uploaded a minute, ten million watching.",
      "requirements": {
        "functional": ["Transcode 500 hours of video a minute",
          "Serve 10 million viewers with 4 Mbit/s"],
        "upload_hours_per_minute": 500, "viewers": 10000000, "egress_tbit": 40,
        "transcode_cores": 60000
      },
      "tests": [
        {"name": "transcode", "required": true,
          "scenario": "500 hours a minute × 60 × 2 cores per real-time stream",
          "expect": "60,000 cores, by segments in parallel; first quality after 2 minutes"},
        {"name": "egress", "scenario": "10 million × 4 Mbit/s",
          "expect": "40 Tbit/s from edges, 2 Tbit/s from origin at 95 % hits"}
      ],
      "hints": ["A film of two hours is 1,800 segments that can be coded at the same time.",
        "Popular films belong close to the viewers before the evening."],
      "approach": "Split, transcode segments in parallel, join by manifest; CDN with boxes at
        providers filled at night by forecast.",
      "minutes": 35
    },
    {
      "goal": "Views, positions and rights: each is right in its own way.",
      "requirements": {
        "functional": ["The last position is there when changing from TV to phone",
          "At most two streams per account at a time"],
        "position_seconds": 10, "concurrent_streams": 2, "view_count_error_percent": 0.1
      },
      "tests": [
        {"name": "change-device", "required": true,
          "scenario": "Stop at 34:10 on TV, start on the phone",
          "expect": "It begins between 34:00 and 34:10"},
        {"name": "third-stream", "required": true,
          "scenario": "Three devices start in the same second",
          "expect": "Two play, one is refused"},
        {"name": "views", "scenario": "A bot plays 10,000 times", "expect": "Not counted"}
      ],
      "hints": ["A heartbeat each 30 seconds carries position and lease.",
        "Views may be late, streams may not be too many."],
      "approach": "Heartbeats renewing stream leases decided by the account's shard, positions
        last-writer-wins by device clock and version, views by stream processing with filters.",
      "minutes": 30
    },
    {
      "goal": "A CDN fails during the final of the series.",
      "requirements": {
        "functional": ["Players change to another CDN within 10 seconds, mid-film",
          "Watching works when log-in, likes and search are down"],
        "failover_seconds": 10, "rebuffer_percent": 0.5, "availability_percent": 99.99
      },
      "tests": [
        {"name": "cdn-fails", "required": true, "scenario": "One of three CDNs serves errors",
          "expect": "Players go on with another within 10 seconds"},
        {"name": "control-plane-down", "required": true,
          "scenario": "Account services are down for 20 minutes",
          "expect": "Running films go on; those with a valid token can start"},
        {"name": "thundering-start", "scenario": "5 million start within 30 seconds",
          "expect": "Start below 4 seconds; qualities begin lower"}
      ],
      "hints": ["The player has a buffer: how long does that give you?",
        "What exactly must be asked to play the next segment?"],
      "approach": "Multi-CDN manifests with client-side failover, tokens valid for hours, degraded
        modes, warmed caches before a release.",
      "minutes": 35
    },
    {
      "goal": "The same picture with a third fewer bits, started in a second.",
      "requirements": {
        "functional": ["Save 30 % of the bits at equal quality",
          "Start in under a second for 90 %"],
        "bits_saved_percent": 30, "start_p90_ms": 1000, "storage_saved_percent": 40
      },
      "tests": [
        {"name": "per-title", "required": true, "scenario": "A cartoon and a football match",
          "expect": "Different ladders; equal perceived quality"},
        {"name": "long-tail", "scenario": "80 % of the films are seen once a month",
          "expect": "Only two qualities are stored, others on request"},
        {"name": "start", "scenario": "First segment",
          "expect": "A small, low-quality one first, prefetched on hover"}
      ],
      "hints": ["A cartoon needs a fraction of the bits of a match.",
        "Code better what is seen most."],
      "approach": "Per-title ladders, AV1 for what is popular, just-in-time transcoding for the
        tail, short first segments and prefetch.",
      "minutes": 35
    }
  ],
  "video-conferencing": [
    {
      "goal": "Two people see and hear each other through their home routers.",
      "requirements": {
        "functional": ["Set up a call over a signalling server",
          "Media go directly when possible, else over a relay"],
        "participants": 2, "setup_ms": 2000, "latency_ms": 150
      },
      "tests": [
        {"name": "behind-routers", "required": true, "scenario": "Both are behind NAT",
          "expect": "Connected; through a relay where nothing else works"},
        {"name": "hang-up", "scenario": "One leaves", "expect": "The other knows within 2 seconds"}
      ],
      "hints": ["Neither knows its public address: who can tell them?",
        "Late sound is worse than lost sound: TCP or UDP?"],
      "approach": "WebRTC: signalling over WebSocket, ICE with STUN and TURN, media over SRTP on
        UDP.",
      "minutes": 25
    },
    {
      "goal": "Twenty-five in a room, and a hundred thousand rooms.",
      "requirements": {
        "functional": ["In a meeting of 25, everybody sees 24",
          "100,000 meetings with 5 people on average"],
        "participants": 25, "meetings": 100000, "upstream_mbit": 1.5, "server_gbit": 4000
      },
      "tests": [
        {"name": "full-mesh-fails", "required": true,
          "scenario": "Upload in a mesh of 25 is computed",
          "expect": "24 × 1.5 Mbit/s is 36 Mbit/s: a forwarding server is needed"},
        {"name": "sizing", "scenario": "500,000 senders and about 2 million forwarded streams",
          "expect": "Some 4 Tbit/s over 500 servers, as computed"}
      ],
      "hints": ["Send once to a server that forwards.", "Forwarding is cheap, mixing is not."],
      "approach": "Selective forwarding units per meeting, cascaded for large ones, simulcast in
        three qualities, placement by region.",
      "minutes": 30
    },
    {
      "goal": "Who is in the room, who is muted, who may speak: one truth.",
      "requirements": {
        "functional": ["All see the same list of participants within a second",
          "\"Mute all\" is obeyed by the server, not only by clients"],
        "state_ms": 1000, "lip_sync_ms": 80
      },
      "tests": [
        {"name": "mute", "required": true,
          "scenario": "The host mutes a participant with a modified client",
          "expect": "Nobody hears them"},
        {"name": "host-leaves", "required": true,
          "scenario": "The host loses connection, two could succeed",
          "expect": "Exactly one new host"},
        {"name": "lip-sync", "scenario": "Sound and picture of a speaker",
          "expect": "At most 80 ms apart"}
      ],
      "hints": ["State changes need an order; media do not.",
        "What the server does not forward nobody hears."],
      "approach": "A room actor on one server with a numbered state log, enforcement at the
        forwarder, RTCP sender reports for sync.",
      "minutes": 30
    },
    {
      "goal": "A forwarding server dies in the middle of a lecture.",
      "requirements": {
        "functional": ["A meeting is back within 5 seconds", "10 % packet loss is hardly heard"],
        "recovery_seconds": 5, "packet_loss_percent": 10, "availability_percent": 99.95
      },
      "tests": [
        {"name": "sfu-dies", "required": true, "scenario": "A server with 200 meetings dies",
          "expect": "All are back within 5 seconds elsewhere"},
        {"name": "lossy-line", "required": true, "scenario": "10 % loss",
          "expect": "Speech stays understandable; the picture is reduced first"},
        {"name": "network-change", "scenario": "From Wi-Fi to mobile",
          "expect": "No new call; a gap of at most 2 seconds"}
      ],
      "hints": ["Clients can have the address of the next server beforehand.",
        "Protect sound first: it is small."],
      "approach": "Warm standby routes, ICE restart, forward error correction and retransmission by
        kind, state from the room log.",
      "minutes": 30
    },
    {
      "goal": "The speaker sharp, the others small, the laptop cool.",
      "requirements": {
        "functional": ["Cut traffic by 60 % in large meetings",
          "End-to-end delay below 200 ms between continents"],
        "traffic_saved_percent": 60, "latency_p95_ms": 200, "visible_streams": 9
      },
      "tests": [
        {"name": "what-is-seen", "required": true, "scenario": "25 participants, 9 tiles shown",
          "expect": "Only 9 streams, in the size of the tiles"},
        {"name": "congestion", "scenario": "The line falls to 500 kbit/s",
          "expect": "Adapted within a second, without a queue in the router"},
        {"name": "continents", "scenario": "Zurich and Sydney",
          "expect": "Over the backbone between two servers"}
      ],
      "hints": ["Nobody needs 720p for a stamp.", "Estimate bandwidth from delay, before loss."],
      "approach": "Layered streams chosen per receiver, last-N speakers, delay-based congestion
        control, servers near each participant linked over a backbone.",
      "minutes": 35
    }
  ],
  "collaborative-editor": [
    {
      "goal": "Two people write in one document and see each other's letters.",
      "requirements": {
        "functional": ["Changes go to the other within 200 ms",
          "Both have the same text when they stop"],
        "editors": 2, "document_kb": 50, "propagation_ms": 200
      },
      "tests": [
        {"name": "converge", "required": true,
          "scenario": "Both type at the same position for a minute",
          "expect": "The same text on both sides"},
        {"name": "cursor", "scenario": "One writes before the other's cursor",
          "expect": "The cursor stays at its word"}
      ],
      "hints": ["Positions change while a message travels.",
        "Either transform operations, or give each letter an identity."],
      "approach": "Operational transformation against a server that orders operations by revision,
        or a sequence CRDT; cursors are transformed alike.",
      "minutes": 25
    },
    {
      "goal": "A million open documents, some with two hundred writers.",
      "requirements": {
        "functional": ["1 million open documents, 200 writers in one",
          "Open a document with 500,000 operations in a second"],
        "open_documents": 1000000, "writers": 200, "operations_per_second": 500000, "open_ms": 1000
      },
      "tests": [
        {"name": "crowded", "required": true, "scenario": "200 people write in one document",
          "expect": "Propagation below 500 ms"},
        {"name": "long-history", "scenario": "500,000 operations",
          "expect": "Opened within a second from a snapshot"}
      ],
      "hints": ["A document is a natural unit: it lives on one server.",
        "Send batches of 50 ms instead of letters."],
      "approach": "One session server per document found by consistent hashing, batching, snapshots
        every 1,000 operations, read-only viewers by fan-out servers.",
      "minutes": 30
    },
    {
      "goal": "A flight without network: merge two hours of offline work.",
      "requirements": {
        "functional": ["Both sides' intentions survive", "Undo takes back one's own changes only"],
        "offline_hours": 2, "lost_operations": 0
      },
      "tests": [
        {"name": "offline-merge", "required": true,
          "scenario": "Two people rewrite a paragraph offline",
          "expect": "All their words are there, not interleaved letter by letter"},
        {"name": "undo", "required": true,
          "scenario": "Ana undoes after Ben has written in her sentence",
          "expect": "Ana's words go, Ben's stay"},
        {"name": "table", "scenario": "One deletes a table's row, another edits in it",
          "expect": "As documented; never a broken table"}
      ],
      "hints": ["Convergence is not enough: letters of two people must not mix.",
        "Undo is a new operation, transformed to now."],
      "approach": "A CRDT that avoids interleaving (or rebased operation batches), selective undo
        per author, schema-aware operations for structures.",
      "minutes": 35
    },
    {
      "goal": "The server of a document dies between two letters.",
      "requirements": {
        "functional": ["Nothing that was shown as saved is lost", "Editing goes on locally"],
        "recovery_seconds": 5, "lost_saved_operations": 0, "availability_percent": 99.95
      },
      "tests": [
        {"name": "server-dies", "required": true, "scenario": "The session's server is killed",
          "expect": "Another takes over within 5 seconds; pending operations come again, once"},
        {"name": "two-owners", "required": true,
          "scenario": "A paused server wakes up as a second owner",
          "expect": "Its writes are refused"},
        {"name": "corrupt", "scenario": "A client sends a faulty operation",
          "expect": "It is refused; the document stays valid"}
      ],
      "hints": ["Number the client's operations so that they can be sent again.",
        "Ownership needs a stretch at the log."],
      "approach": "A durable operation log with fencing epoch, client sequence numbers, takeover by
        replay from a snapshot, validation against the schema.",
      "minutes": 30
    },
    {
      "goal": "Feel instant, store little, scroll through history.",
      "requirements": {
        "functional": ["A letter appears in 16 ms on one's own screen",
          "History of five years costs less than ten times the text"],
        "local_echo_ms": 16, "history_factor": 10, "memory_mb": 50
      },
      "tests": [
        {"name": "echo", "required": true, "scenario": "Typing on a line with 300 ms delay",
          "expect": "Letters appear at once"},
        {"name": "history", "scenario": "\"As it was in March\"",
          "expect": "Shown within 2 seconds"},
        {"name": "compaction", "scenario": "A document with 5 million operations",
          "expect": "Below 10 times the text, opens in a second"}
      ],
      "hints": ["Apply first, agree later.", "Runs of letters by one author are one element."],
      "approach": "Optimistic local application, run-length encoded CRDT or squashed operations,
        snapshots by day, presence over a separate lossy channel.",
      "minutes": 30
    }
  ],
  "ticket-booking": [
    {
      "goal": "Show the seats of a concert and sell one.",
      "requirements": {
        "functional": ["A seat is free, held or sold", "A hold ends after 8 minutes"],
        "seats": 500, "requests_per_second": 20, "hold_minutes": 8
      },
      "tests": [
        {"name": "hold-and-pay", "required": true, "scenario": "Choose, pay within 8 minutes",
          "expect": "Sold, with a ticket"},
        {"name": "hold-ends", "required": true, "scenario": "No payment",
          "expect": "Free again after 8 minutes"}
      ],
      "hints": ["An end time in the row needs no job to be true.",
        "Which single statement takes a free seat or one whose hold has ended?"],
      "approach": "Rows per seat with state, holder and held_until; a conditional update takes the
        seat; payment confirms.",
      "minutes": 20
    },
    {
      "goal": "Two million fans for sixty thousand seats at ten o'clock.",
      "requirements": {
        "functional": ["2 million arrive within a minute", "Sell 60,000 seats within 15 minutes"],
        "visitors": 2000000, "seats": 60000, "requests_per_second": 300000, "sales_per_second": 70
      },
      "tests": [
        {"name": "opening", "required": true, "scenario": "2 million in a minute",
          "expect": "A waiting room; the shop sees at most 5,000 at a time"},
        {"name": "seat-map", "scenario": "5,000 look at the map",
          "expect": "From a cache that is at most 2 seconds old"}
      ],
      "hints": ["The shop needs to be large enough for the sellers, not for the fans.",
        "Give everyone who was early a random place, then first come."],
      "approach": "A virtual waiting room at the edge with signed tickets, admission at the pace of
        sales, maps as bitmaps pushed by section.",
      "minutes": 30
    },
    {
      "goal": "A seat is sold once; four seats together or none.",
      "requirements": {
        "functional": ["Not one seat is sold twice", "A group gets all its seats or none"],
        "double_sales": 0, "partial_groups": 0
      },
      "tests": [
        {"name": "same-seat", "required": true,
          "scenario": "10,000 want seat A1 in the same second",
          "expect": "One holds it, the others learn it within 200 ms"},
        {"name": "group-deadlock", "required": true,
          "scenario": "Groups want overlapping seats in different order",
          "expect": "No deadlock; one group has them"},
        {"name": "late-payment", "scenario": "The payment arrives after the hold has ended",
          "expect": "Seat if still free, else money back"}
      ],
      "hints": ["Take seats in a fixed order, or all in one statement.",
        "Payment succeeds outside your transaction: plan for late success."],
      "approach": "All-or-nothing conditional updates ordered by seat, a section on one shard, late
        payments re-acquire or refund automatically.",
      "minutes": 35
    },
    {
      "goal": "Payment fails at minute two of the sale.",
      "requirements": {
        "functional": ["Holds are longer when payment is slow, fairly for all",
          "A restart loses neither places in the queue nor sales"],
        "availability_percent": 99.95, "lost_sales": 0, "takeover_seconds": 20
      },
      "tests": [
        {"name": "payment-down", "required": true, "scenario": "Payment is away for 3 minutes",
          "expect": "Holds are extended, admission pauses; nobody loses a place"},
        {"name": "database-failover", "required": true, "scenario": "The leader of the seats dies",
          "expect": "After 20 seconds sales go on; no seat is sold twice"},
        {"name": "bots", "scenario": "40 % of the visitors are bots",
          "expect": "At most 4 tickets for each card and account"}
      ],
      "hints": ["A place in the queue can be a signed token that the fan keeps.",
        "Pausing at the entrance is better than failures inside."],
      "approach": "Signed queue tokens, global pause of timers, synchronous replica for seats,
        limits by account, card and device.",
      "minutes": 30
    },
    {
      "goal": "Fewer dead holds, fewer single empty seats, cheaper for the 364 quiet days.",
      "requirements": {
        "functional": ["Sell 98 % within 15 minutes",
          "Cost on quiet days a twentieth of that on sale days"],
        "sold_percent": 98, "quiet_cost_percent": 5, "best_seats_ms": 100
      },
      "tests": [
        {"name": "best-available", "required": true,
          "scenario": "\"4 together, best\" 500 times a second",
          "expect": "100 ms, without leaving single seats"},
        {"name": "released", "scenario": "A hold ends",
          "expect": "The seat is offered to the next within 2 seconds"},
        {"name": "scale", "scenario": "An hour before the sale",
          "expect": "Capacity is there before, gone afterwards"}
      ],
      "hints": ["Rows of seats are bits: find runs of four.",
        "The date of a sale is known: no need to react."],
      "approach": "Bitmaps per row with run search and a penalty for single seats, push of released
        seats, scheduled scaling.",
      "minutes": 30
    }
  ],
  "payment-system": [
    {
      "goal": "Charge a card for an order through a payment provider.",
      "requirements": {
        "functional": ["An order is paid, failed or open; never something between",
          "Card numbers never touch your servers"],
        "payments_per_minute": 10, "currencies": 2, "p99_ms": 3000
      },
      "tests": [
        {"name": "paid-or-failed", "required": true, "scenario": "A good and a refused card",
          "expect": "\"paid\" and \"failed\" with a reason"},
        {"name": "no-card-data", "required": true, "scenario": "Logs and database are searched",
          "expect": "No card number anywhere"}
      ],
      "hints": ["Let the provider's form take the card and give you a token.",
        "Amounts are integers of the smallest unit, with a currency."],
      "approach": "Tokens from the provider's form, a payment as state machine, integer minor units,
        double-entry bookings.",
      "minutes": 25
    },
    {
      "goal": "Ten thousand payments a second on the day of the sale.",
      "requirements": {
        "functional": ["10,000 payments a second over 4 providers",
          "Keep within each provider's limits"],
        "payments_per_second": 10000, "providers": 4, "provider_limit_per_second": 4000,
        "p99_ms": 3000
      },
      "tests": [
        {"name": "sale", "required": true, "scenario": "10,000 a second for an hour",
          "expect": "No provider above its limit, p99 below 3 s"},
        {"name": "hot-merchant", "scenario": "One merchant has 30 %",
          "expect": "The balance row is no bottleneck"}
      ],
      "hints": ["The wait is for the provider: how many calls are open at 1.5 seconds each?",
        "A balance can be the sum of entries."],
      "approach": "Sharding by payment id, asynchronous calls (15,000 in flight), routing by cost
        and limit, entries appended and summed per merchant in batches.",
      "minutes": 30
    },
    {
      "goal": "Charged once: not twice, whatever times out.",
      "requirements": {
        "functional": ["A double click or retry charges once", "Each booking adds up to zero"],
        "double_charges": 0, "unbalanced_bookings": 0
      },
      "tests": [
        {"name": "timeout-then-retry", "required": true,
          "scenario": "The provider charges, its answer is lost, we retry", "expect": "One charge"},
        {"name": "double-click", "required": true, "scenario": "5 equal requests within 100 ms",
          "expect": "One payment, five equal answers"},
        {"name": "refund-race", "scenario": "Two refunds of 60 of a payment of 100",
          "expect": "One succeeds"}
      ],
      "hints": ["An idempotency key from order to provider.",
        "\"Unknown\" is a state of its own, until asked or told."],
      "approach": "Idempotency keys stored before the call and passed on, state \"pending\" resolved
        by query and webhook, double-entry ledger with constraints.",
      "minutes": 35
    },
    {
      "goal": "Providers fail, webhooks vanish, books must balance in the evening.",
      "requirements": {
        "functional": ["Another provider within 30 seconds, without double charges",
          "Every difference to the provider's statement is found within a day"],
        "failover_seconds": 30, "reconciliation_hours": 24, "lost_payments": 0,
        "availability_percent": 99.99
      },
      "tests": [
        {"name": "provider-down", "required": true, "scenario": "A provider answers nothing",
          "expect": "New payments go elsewhere; open ones are not repeated elsewhere"},
        {"name": "lost-webhooks", "required": true, "scenario": "2 % of the webhooks are lost",
          "expect": "All states are right within 15 minutes"},
        {"name": "statement", "scenario": "A charge is on the statement but not with us",
          "expect": "It is listed and booked or returned"}
      ],
      "hints": ["An open payment may have succeeded: ask before you try elsewhere.",
        "Trust the statement at the end of the day."],
      "approach": "Breakers per provider for new payments only, polling of open ones, daily
        reconciliation of three sources, an event log replicated synchronously.",
      "minutes": 35
    },
    {
      "goal": "One per cent more approvals, lower fees, less fraud.",
      "requirements": {
        "functional": ["Choose the provider by chance of approval and cost",
          "Decide on fraud within 100 ms"],
        "approval_gain_percent": 1, "fee_reduction_percent": 10, "fraud_decision_ms": 100
      },
      "tests": [
        {"name": "routing", "required": true, "scenario": "1,000,000 historical payments",
          "expect": "1 % more approved or 10 % lower fees"},
        {"name": "soft-decline", "scenario": "\"Try again later\"",
          "expect": "One retry at a better time, within the scheme's rules"},
        {"name": "fraud-down", "scenario": "The fraud service does not answer in 100 ms",
          "expect": "Rules decide: small amounts pass"}
      ],
      "hints": ["Banks approve differently by provider.",
        "Some errors deserve a retry, some forbid it."],
      "approach": "Routing with bandits over approval and cost, retry by decline code, features for
        fraud from a stream with a fallback to rules.",
      "minutes": 30
    }
  ],
  "digital-wallet": [
    {
      "goal": "Users hold a balance and send each other money.",
      "requirements": {
        "functional": ["send(from, to, amount) moves money or does nothing",
          "A statement lists each movement"],
        "users": 1000, "transfers_per_second": 5
      },
      "tests": [
        {"name": "moves-or-nothing", "required": true,
          "scenario": "A crash at any point of a transfer",
          "expect": "The total of all balances is unchanged"},
        {"name": "too-little", "scenario": "60 from a balance of 50",
          "expect": "Refused, nothing is booked"}
      ],
      "hints": ["One transaction in one database is hard to beat.",
        "Lock both accounts in a fixed order."],
      "approach": "Double-entry bookings in one transaction, a check that balances are not negative,
        accounts locked by ascending id.",
      "minutes": 25
    },
    {
      "goal": "A million transfers a second over many machines.",
      "requirements": {
        "functional": ["1 million transfers a second", "500 million accounts"],
        "transfers_per_second": 1000000, "accounts": 500000000, "shards": 500, "p99_ms": 100
      },
      "tests": [
        {"name": "sizing", "required": true, "scenario": "Two accounts on two shards",
          "expect": "2 million account changes a second, 4,000 per shard"},
        {"name": "hot-account", "scenario": "A fundraiser gets 50,000 transfers a second",
          "expect": "It does not stop its shard"}
      ],
      "hints": ["Nearly every transfer crosses shards.",
        "Incoming money need not lock the receiver's balance."],
      "approach": "Accounts sharded by hash, state machines with logs instead of row locks, credits
        as appended entries merged in batches, sub-accounts for the hot.",
      "minutes": 30
    },
    {
      "goal": "From shard 17 to shard 303: never lost, never doubled, never negative.",
      "requirements": {
        "functional": ["A transfer over two shards ends in both or neither",
          "At any moment, balances plus money in transit is constant"],
        "lost_money": 0, "in_transit_p99_ms": 500
      },
      "tests": [
        {"name": "crash-in-middle", "required": true,
          "scenario": "Crash after the debit, before the credit",
          "expect": "Credited or returned within 30 seconds"},
        {"name": "audit-during-load", "required": true,
          "scenario": "The sum over all shards under load, as of one moment", "expect": "Constant"},
        {"name": "same-key", "scenario": "The command arrives 3 times", "expect": "One transfer"}
      ],
      "hints": ["A reservation first: debit into transit, credit out of it.",
        "The coordinator's decision must be durable before anybody acts."],
      "approach": "Try-confirm-cancel with transit accounts (or two-phase commit over replicated
        shards), command ids in the shard's log, snapshots by log position.",
      "minutes": 35
    },
    {
      "goal": "Prove that every balance is right, even after a bug.",
      "requirements": {
        "functional": ["Any state can be computed anew from the log, bit for bit",
          "A lost data centre loses no confirmed transfer"],
        "rpo_seconds": 0, "recovery_seconds": 30, "availability_percent": 99.99
      },
      "tests": [
        {"name": "replay", "required": true, "scenario": "The log of a day is replayed",
          "expect": "The same balances, hash by hash"},
        {"name": "datacentre-loss", "required": true,
          "scenario": "A data centre is lost at full load",
          "expect": "No confirmed transfer is missing; running again in 30 seconds"},
        {"name": "bug", "scenario": "A release rounded wrongly for 2 hours",
          "expect": "Affected accounts are listed and corrected by new entries"}
      ],
      "hints": ["Determinism: no clock, no random, no outside call when applying.",
        "Corrections are entries, not updates."],
      "approach": "Event-sourced deterministic state machines, Raft over three data centres,
        snapshots with hashes, correcting entries.",
      "minutes": 35
    },
    {
      "goal": "Balances in five milliseconds, history for ten years, cheap.",
      "requirements": {
        "functional": ["Read a balance in 5 ms without loading the writers",
          "Statements of ten years at a tenth of the cost"],
        "balance_p99_ms": 5, "statement_p95_ms": 500, "storage_saved_percent": 90
      },
      "tests": [
        {"name": "read-load", "required": true, "scenario": "5 million balance reads a second",
          "expect": "From read replicas, with \"as of\" time; own transfers included"},
        {"name": "old-statement", "scenario": "March, eight years ago", "expect": "Half a second"},
        {"name": "batch", "scenario": "Salaries to 2 million accounts",
          "expect": "Within 10 minutes; others notice nothing"}
      ],
      "hints": ["Who has just paid carries a version.",
        "Old entries never change: sort and compress them."],
      "approach": "Read models per account from the log with session versions, columnar archives by
        account and year, batches in low-priority slots.",
      "minutes": 30
    }
  ],
  "online-auction": [
    {
      "goal": "Offer a bicycle for seven days; the highest bid wins.",
      "requirements": {
        "functional": ["A bid must be higher than the last by a step",
          "At the end the winner and the seller are told"],
        "auctions": 200, "bids_per_second": 5, "bid_step": 5
      },
      "tests": [
        {"name": "too-low", "required": true, "scenario": "100, then 102 with a step of 5",
          "expect": "The second is refused"},
        {"name": "end", "required": true, "scenario": "The end comes",
          "expect": "The highest bidder wins; later bids are refused"}
      ],
      "hints": ["What decides about \"in time\": the click or the arrival?",
        "The server's time on acceptance counts."],
      "approach": "An auction row with highest bid, a conditional update on amount and end time, a
        job for the end.",
      "minutes": 20
    },
    {
      "goal": "Five million auctions, and most bids in the last ten seconds.",
      "requirements": {
        "functional": ["5 million auctions, 1,000 ending in the same minute",
          "One auction with 3,000 bids a second"],
        "auctions": 5000000, "hot_bids_per_second": 3000, "bids_per_second": 50000,
        "watchers_of_one": 200000
      },
      "tests": [
        {"name": "hot-end", "required": true, "scenario": "3,000 bids a second for 10 seconds",
          "expect": "Each answered within 200 ms"},
        {"name": "watchers", "scenario": "200,000 watch",
          "expect": "They see the new price within a second"}
      ],
      "hints": ["Bids of one auction need an order, so one place decides.",
        "Watchers need the newest price, not every price."],
      "approach": "Auctions sharded by id, single-writer per auction in memory with a log, price
        fan-out at most 5 times a second.",
      "minutes": 30
    },
    {
      "goal": "Same second, same amount: who is the winner?",
      "requirements": {
        "functional": ["An order of acceptance that can be proved",
          "Automatic bids up to a maximum give the same result whatever the timing"],
        "order_violations": 0, "disputed_results": 0
      },
      "tests": [
        {"name": "equal-bids", "required": true,
          "scenario": "Two bids of 500 in the same millisecond",
          "expect": "The first accepted wins, both are told so"},
        {"name": "proxy-bids", "required": true, "scenario": "Maximum 800 and 750, in either order",
          "expect": "The winner pays 755 at a step of 5"},
        {"name": "sniping", "scenario": "A bid in the last 10 seconds",
          "expect": "The end moves by 2 minutes, for all the same"}
      ],
      "hints": ["A log with positions is the proof.",
        "A proxy bid is resolved at once, not by rounds of bids."],
      "approach": "One sequencer per auction with a durable log, deterministic resolution of proxy
        bids, soft ends as part of the state.",
      "minutes": 35
    },
    {
      "goal": "The auction's server dies three seconds before the end.",
      "requirements": {
        "functional": ["No accepted bid is lost", "Nobody loses because of our outage"],
        "recovery_seconds": 5, "lost_bids": 0, "availability_percent": 99.95
      },
      "tests": [
        {"name": "dies-at-end", "required": true,
          "scenario": "The owner dies 3 seconds before the end",
          "expect": "Taken over in 5 seconds; the end is extended by the outage"},
        {"name": "old-owner", "required": true, "scenario": "The old owner comes back",
          "expect": "Its acceptances are refused"},
        {"name": "notify", "scenario": "The mail to the winner fails",
          "expect": "It is sent again; payment is due from its delivery"}
      ],
      "hints": ["An outage is time that did not pass.", "An epoch per owner in the log."],
      "approach": "Log replicated before the answer, epochs for owners, clock of the auction paused
        during takeover, outbox for messages.",
      "minutes": 30
    },
    {
      "goal": "Search that shows ends and prices right, at low cost.",
      "requirements": {
        "functional": ["\"Ends within the hour, below 100\" is right to 5 seconds",
          "Closed auctions cost next to nothing"],
        "search_staleness_seconds": 5, "p99_ms": 150, "storage_saved_percent": 80
      },
      "tests": [
        {"name": "search", "required": true, "scenario": "Prices change 50,000 times a second",
          "expect": "Results at most 5 seconds old, hot prices overlaid"},
        {"name": "archive", "scenario": "Auctions that ended a year ago",
          "expect": "Compressed; readable in 2 seconds"},
        {"name": "shill", "scenario": "Accounts that bid each other up",
          "expect": "Marked within an hour"}
      ],
      "hints": ["Index the slow attributes, overlay the fast ones.",
        "Most auctions change in the last minutes only."],
      "approach": "Index refresh by priority of ending time, overlay of prices for the page shown,
        archives, graph features for shill bidding.",
      "minutes": 30
    }
  ],
  "map-navigation": [
    {
      "goal": "Find the quickest way between two addresses of a town.",
      "requirements": {
        "functional": ["Compute a route over 50,000 road segments", "Draw the map in tiles"],
        "segments": 50000, "routes_per_second": 5, "p99_ms": 300
      },
      "tests": [
        {"name": "quickest", "required": true, "scenario": "100 known pairs",
          "expect": "The quickest route, one-way streets obeyed"},
        {"name": "unreachable", "scenario": "An island without a bridge",
          "expect": "\"No route\" within a second"}
      ],
      "hints": ["Crossings are nodes, roads edges with time.",
        "Turn restrictions belong to pairs of edges."],
      "approach": "A directed graph with times, A* with a safe lower bound, pre-rendered tiles by
        zoom.",
      "minutes": 20
    },
    {
      "goal": "A continent: a hundred million segments, 50,000 routes a second.",
      "requirements": {
        "functional": ["Zurich to Lisbon in 50 ms", "Tiles for 100 million users a day"],
        "segments": 100000000, "routes_per_second": 50000, "p99_ms": 50, "tiles_per_second": 2000000
      },
      "tests": [
        {"name": "long-route", "required": true, "scenario": "2,000 km",
          "expect": "50 ms, some thousand nodes visited"},
        {"name": "tiles", "scenario": "2 million tiles a second",
          "expect": "99 % from CDN and device"}
      ],
      "hints": ["Long trips use motorways: prepare shortcuts.",
        "Preparation must be repeated when times change: separate what changes."],
      "approach": "Contraction hierarchies or customizable route planning, graph in memory of each
        server, vector tiles on a CDN.",
      "minutes": 30
    },
    {
      "goal": "Traffic changes by the minute; a route must be consistent in itself.",
      "requirements": {
        "functional": ["Times on roads are at most 2 minutes old",
          "One answer uses one version of the map and times"],
        "traffic_delay_seconds": 120, "mixed_versions": 0
      },
      "tests": [
        {"name": "jam", "required": true, "scenario": "A motorway is closed",
          "expect": "After 2 minutes no route uses it"},
        {"name": "version-switch", "required": true,
          "scenario": "New map data are loaded under load", "expect": "No mixture, no error"},
        {"name": "own-gps", "scenario": "A probe sends wrong positions",
          "expect": "Its effect is bounded"}
      ],
      "hints": ["Recompute weights per cell, not for the whole continent.",
        "Routes refer to segments by ids that outlive versions."],
      "approach": "Customisable cells with re-weighting each minute, versioned immutable maps,
        robust medians over probes.",
      "minutes": 30
    },
    {
      "goal": "In the tunnel, without network, with a dead server: keep guiding.",
      "requirements": {
        "functional": ["Guidance goes on without network", "A routing region may fail"],
        "offline_km": 50, "failover_ms": 500, "availability_percent": 99.95
      },
      "tests": [
        {"name": "no-network", "required": true,
          "scenario": "50 km without network, one wrong turn",
          "expect": "A new route is computed on the phone"},
        {"name": "region-loss", "required": true, "scenario": "A region's routing servers are down",
          "expect": "Another answers within 500 ms more"},
        {"name": "bad-map", "scenario": "A map update cuts a main road by error",
          "expect": "Known routes fail the check; it is not published"}
      ],
      "hints": ["What along the route can the phone take with it?",
        "Test new maps with a thousand known routes."],
      "approach": "Corridor tiles with graph on the phone, global replicas, canary checks over known
        routes, rollback by version.",
      "minutes": 30
    },
    {
      "goal": "Predict the arrival within five per cent, and spread the drivers.",
      "requirements": {
        "functional": ["Arrival times with 5 % error at the median",
          "Not everybody is sent through the same village"],
        "eta_median_error_percent": 5, "cost_reduction_percent": 40,
        "reroute_checks_per_second": 300000
      },
      "tests": [
        {"name": "eta", "required": true, "scenario": "10,000 trips at rush hour",
          "expect": "Median error at most 5 %"},
        {"name": "herd", "scenario": "5,000 cars before the same jam",
          "expect": "They are spread over alternatives"},
        {"name": "reroute", "scenario": "20 million active trips",
          "expect": "Only those are computed anew whose route is touched"}
      ],
      "hints": ["The time on a road depends on when you get there.",
        "An index from segments to active trips tells who is concerned."],
      "approach": "Time-dependent predictions per segment, alternatives with assigned shares,
        inverted index from segment to trips, caching of common prefixes.",
      "minutes": 35
    }
  ],
  "ride-sharing": [
    {
      "goal": "A rider asks for a car; the nearest free driver gets the offer.",
      "requirements": {
        "functional": ["Drivers report their position every 4 seconds",
          "The offer goes to the nearest; after 15 seconds to the next"],
        "drivers": 200, "riders": 500, "offer_seconds": 15
      },
      "tests": [
        {"name": "nearest", "required": true, "scenario": "20 free drivers around",
          "expect": "The nearest by driving time gets the offer"},
        {"name": "declines", "scenario": "The first declines",
          "expect": "The second is asked at once"}
      ],
      "hints": ["Only the newest position of a driver counts.",
        "A trip is a state machine: write down the states."],
      "approach": "Positions in memory by cell, candidates from the cell and its neighbours, a trip
        as state machine with timeouts.",
      "minutes": 20
    },
    {
      "goal": "A million drivers in five hundred cities on a rainy Friday.",
      "requirements": {
        "functional": ["250,000 position reports a second",
          "Match 3,000 requests a second within 2 seconds"],
        "drivers": 1000000, "positions_per_second": 250000, "requests_per_second": 3000,
        "match_p95_seconds": 2
      },
      "tests": [
        {"name": "positions", "required": true, "scenario": "250,000 reports a second",
          "expect": "Only memory is written; the path goes to a log in batches"},
        {"name": "airport", "scenario": "2,000 requests within 500 m in a minute",
          "expect": "Matched in batches by total waiting time"}
      ],
      "hints": ["Cities do not share rides.",
        "Matching many at once beats serving whoever came first."],
      "approach": "Shards by city and cell, in-memory index of newest positions, batched matching
        every 2 seconds, trace to a log for billing.",
      "minutes": 30
    },
    {
      "goal": "One driver, one ride: not two.",
      "requirements": {
        "functional": ["A driver has at most one offer at a time and one trip",
          "The price that was shown is the price that is paid"],
        "double_assignments": 0, "price_changes": 0
      },
      "tests": [
        {"name": "two-matchers", "required": true,
          "scenario": "Two matchers choose the same driver", "expect": "One offer"},
        {"name": "cancel-accept", "required": true,
          "scenario": "The rider cancels while the driver accepts",
          "expect": "Both see the same result"},
        {"name": "surge", "scenario": "The surge rises between quote and request",
          "expect": "The quote holds for 5 minutes"}
      ],
      "hints": ["Compare-and-set on the driver's state decides.",
        "A quote is a document with an id and an end."],
      "approach": "Conditional transitions on driver and trip with versions, reservation with
        expiry, signed quotes.",
      "minutes": 30
    },
    {
      "goal": "A data centre fails while 100,000 people sit in cars.",
      "requirements": {
        "functional": ["Running trips go on and are billed", "New requests after 30 seconds"],
        "takeover_seconds": 30, "lost_trips": 0, "availability_percent": 99.99
      },
      "tests": [
        {"name": "datacentre-loss", "required": true, "scenario": "A region fails",
          "expect": "Trips go on with state from the phones and the replica; no trip is billed
            twice"},
        {"name": "payments-down", "required": true, "scenario": "Payment is down for an hour",
          "expect": "Rides end, billing follows"},
        {"name": "gps-gap", "scenario": "5 minutes in a tunnel",
          "expect": "The path is completed on the roads; the fare is plausible"}
      ],
      "hints": ["The driver's phone knows the trip's state, too: let it carry a signed digest.",
        "Payment need not be part of the end of a ride."],
      "approach": "State digests on phones for takeover, trips replicated synchronously by state
        change, payment through an outbox, map matching.",
      "minutes": 35
    },
    {
      "goal": "Five minutes less waiting, and a third fewer calculations of routes.",
      "requirements": {
        "functional": ["Arrival times within 10 % for 90 %",
          "Prices even out demand by cell, each minute"],
        "eta_error_percent": 10, "routing_calls_saved_percent": 35, "wait_reduction_percent": 15
      },
      "tests": [
        {"name": "eta", "required": true, "scenario": "10,000 real trips",
          "expect": "90 % within 10 %"},
        {"name": "supply", "scenario": "A concert ends", "expect": "Drivers are led there before"},
        {"name": "cost", "scenario": "Candidates by distance first",
          "expect": "Routes are computed for the best 10 only"}
      ],
      "hints": ["A straight line sorts out most candidates.",
        "Forecast demand by cell and quarter of an hour."],
      "approach": "Cell-pair travel times cached by hour, exact routing for few, demand forecast,
        prices with smoothing and caps.",
      "minutes": 30
    }
  ],
  "multiplayer-game": [
    {
      "goal": "Four players move in one arena and see each other.",
      "requirements": {
        "functional": ["The server computes the world 20 times a second",
          "Clients send inputs, not positions"],
        "players": 4, "ticks_per_second": 20, "latency_ms": 100
      },
      "tests": [
        {"name": "authority", "required": true, "scenario": "A client claims to be behind the wall",
          "expect": "The server does not believe it"},
        {"name": "smooth", "scenario": "100 ms of delay, 20 states a second",
          "expect": "Movements look smooth"}
      ],
      "hints": ["Who may say where a player is?", "Between two states the client can interpolate."],
      "approach": "An authoritative server loop with inputs by sequence, state snapshots over UDP,
        interpolation and prediction in the client.",
      "minutes": 20
    },
    {
      "goal": "A hundred players per arena, fifty thousand arenas.",
      "requirements": {
        "functional": ["5 million players at a time", "100 players in an arena with 60 ticks"],
        "players": 5000000, "arenas": 50000, "ticks_per_second": 60, "kbit_per_player": 200
      },
      "tests": [
        {"name": "bandwidth", "required": true, "scenario": "Full states for 100 players × 60",
          "expect": "Too much: only what is near and has changed, below 200 kbit/s"},
        {"name": "placement", "scenario": "50,000 arenas of half a core",
          "expect": "25,000 cores, near the players"}
      ],
      "hints": ["100 × 100 × 60 updates a second: who needs to know about whom?",
        "Send differences to the last state that the client confirmed."],
      "approach": "Areas of interest, delta snapshots against acknowledged states, bin packing of
        arenas onto servers by region.",
      "minutes": 30
    },
    {
      "goal": "Who shot first? Decide fairly between 20 and 150 ms.",
      "requirements": {
        "functional": ["A hit counts as the shooter saw it, within limits",
          "An item is picked up by one player"],
        "max_rewind_ms": 150, "duplicated_items": 0, "tick_ms": 16
      },
      "tests": [
        {"name": "rewind", "required": true, "scenario": "A player with 100 ms hits a moving one",
          "expect": "It counts as on the screen of the shooter"},
        {"name": "pick-up", "required": true, "scenario": "Two grab the sword in the same tick",
          "expect": "One has it, both see the same"},
        {"name": "trade", "scenario": "A trade and a disconnect at the same time",
          "expect": "Items are with one or the other"}
      ],
      "hints": ["The server knows where all were 100 ms ago.",
        "Items are money: transactions, not game state."],
      "approach": "Lag compensation by rewinding bounded to 150 ms, deterministic order within a
        tick, inventory in a transactional store with idempotent commands.",
      "minutes": 30
    },
    {
      "goal": "A server crashes in the last minute of the final.",
      "requirements": {
        "functional": ["A match continues after 10 seconds, or is cancelled by rule",
          "Bought things are never lost"],
        "resume_seconds": 10, "lost_purchases": 0, "availability_percent": 99.9
      },
      "tests": [
        {"name": "crash", "required": true, "scenario": "An arena's server is killed",
          "expect": "It goes on from a snapshot of at most 5 seconds ago"},
        {"name": "store-down", "required": true, "scenario": "The inventory store is down",
          "expect": "Play goes on; purchases wait and come once"},
        {"name": "attack", "scenario": "10 Gbit/s against one arena's address",
          "expect": "Others are not affected; players are moved"}
      ],
      "hints": ["A snapshot of 100 players is small: where could it go each second?",
        "Addresses that are given to 100 players only are harder to find."],
      "approach": "Snapshots and input log streamed to a standby, deterministic replay, outbox for
        purchases, relays that hide servers.",
      "minutes": 30
    },
    {
      "goal": "Fair matches in ten seconds, on cheap machines.",
      "requirements": {
        "functional": ["Equal chances (45 to 55 %) and below 60 ms for 95 %",
          "Use spot machines without breaking off matches"],
        "queue_p90_seconds": 10, "latency_p95_ms": 60, "cost_reduction_percent": 50
      },
      "tests": [
        {"name": "match-quality", "required": true, "scenario": "100,000 players in the queue",
          "expect": "90 % within 10 seconds at 45 to 55 % chances"},
        {"name": "spot-loss", "scenario": "2 minutes' notice for a machine",
          "expect": "Its matches end or move"},
        {"name": "night", "scenario": "Few players at 4 o'clock",
          "expect": "Limits widen step by step"}
      ],
      "hints": ["Widen the search with waiting time.",
        "A short match can end within the notice; a long one has to move as a snapshot."],
      "approach": "Buckets by skill and region with widening windows, placement of short matches on
        spot machines, live migration by snapshot, prediction of demand.",
      "minutes": 35
    }
  ],
  "recommendation-system": [
    {
      "goal": "\"Who bought this also bought\": show five products.",
      "requirements": {
        "functional": ["Count pairs from orders once a night", "Show five per product"],
        "products": 5000, "orders": 100000, "p99_ms": 50
      },
      "tests": [
        {"name": "pairs", "required": true, "scenario": "Known orders",
          "expect": "The five with the strongest relation, not just the best sellers"},
        {"name": "new-product", "scenario": "A product without orders",
          "expect": "Best sellers of its category"}
      ],
      "hints": ["Frequent products occur with everything: divide by their frequency.",
        "Compute at night, look up by day."],
      "approach": "Co-occurrence counts with a lift score in a nightly batch, a table of product →
        five.",
      "minutes": 20
    },
    {
      "goal": "A hundred million users, ten million products.",
      "requirements": {
        "functional": ["Personal lists for 100 million users",
          "50,000 requests a second within 100 ms"],
        "users": 100000000, "products": 10000000, "requests_per_second": 50000, "p99_ms": 100
      },
      "tests": [
        {"name": "two-stages", "required": true, "scenario": "10 million products",
          "expect": "500 candidates in 20 ms, ranked within 60 ms"},
        {"name": "storage", "scenario": "Vectors of 128 numbers",
          "expect": "10 million × 512 bytes is 5 GB: in memory"}
      ],
      "hints": ["You cannot score ten million products per request.",
        "The nearest vectors can be found approximately."],
      "approach": "Embeddings with an approximate nearest neighbour index, several sources of
        candidates, a ranking model, features from a store.",
      "minutes": 30
    },
    {
      "goal": "Training and serving must see the same world.",
      "requirements": {
        "functional": ["A feature has the same value in training as it had when serving",
          "What was bought a minute ago is not recommended"],
        "feature_skew_percent": 0.1, "freshness_seconds": 60
      },
      "tests": [
        {"name": "no-leak", "required": true, "scenario": "Training rows of 1 March",
          "expect": "Features as of 1 March, not of today"},
        {"name": "just-bought", "required": true, "scenario": "A user buys a bicycle",
          "expect": "No bicycle in the next list"},
        {"name": "deleted", "scenario": "A product is sold out",
          "expect": "Not shown after a minute"}
      ],
      "hints": ["Log the features when you serve.",
        "Join by time: the last value before the event."],
      "approach": "A feature store with point-in-time joins, features logged at serving, streaming
        updates, filters at the end.",
      "minutes": 30
    },
    {
      "goal": "A bad model goes live on Friday evening.",
      "requirements": {
        "functional": ["A worse model is noticed and taken back within 10 minutes",
          "The page is never empty"],
        "rollback_minutes": 10, "fallback_ms": 30, "availability_percent": 99.95
      },
      "tests": [
        {"name": "bad-model", "required": true, "scenario": "A model that recommends nonsense",
          "expect": "Canary with 1 % is stopped by clicks and checks"},
        {"name": "ranker-down", "required": true, "scenario": "The ranking service is down",
          "expect": "Precomputed lists within 30 ms"},
        {"name": "stale-features", "scenario": "The stream of features stops",
          "expect": "Noted; old values within limits, then defaults"}
      ],
      "hints": ["Precomputed lists for all users cost little.",
        "Compare with a control group continuously."],
      "approach": "Canary and shadow traffic, automatic rollback on metrics, tiered fallbacks,
        validation of data before training.",
      "minutes": 30
    },
    {
      "goal": "Better by test, quicker, cheaper, and not only more of the same.",
      "requirements": {
        "functional": ["Measure gains of 0.5 % reliably", "Half the ranking cost"],
        "detectable_gain_percent": 0.5, "cost_reduction_percent": 50, "new_item_exposure_percent": 5
      },
      "tests": [
        {"name": "experiment", "required": true, "scenario": "An A/B test over 2 weeks",
          "expect": "Assigned by hash, without overlap; 0.5 % is detected"},
        {"name": "explore", "scenario": "New products",
          "expect": "5 % of the places, learned from within a day"},
        {"name": "distil", "scenario": "A smaller model",
          "expect": "Half the cost, below 0.2 % loss"}
      ],
      "hints": ["Users who come back must stay in their group.",
        "Without exploration the system sees only what it has chosen."],
      "approach": "Layered experiments by hash, bandits for exploration, distilled and quantised
        models, caches of candidates by session.",
      "minutes": 35
    }
  ],
  "fraud-detection": [
    {
      "goal": "Stop a payment that looks wrong before it is made.",
      "requirements": {
        "functional": ["Rules over amount, country and number per hour",
          "Answer within 100 ms: allow, ask, refuse"],
        "payments_per_second": 20, "rules": 30, "p99_ms": 100
      },
      "tests": [
        {"name": "velocity", "required": true, "scenario": "6 payments of a card within 10 minutes",
          "expect": "The sixth is asked for confirmation"},
        {"name": "explain", "scenario": "A payment is refused",
          "expect": "The rules that did so are recorded"}
      ],
      "hints": ["Rules need numbers of the recent past: where are these kept?",
        "Each decision needs its inputs and version stored."],
      "approach": "Rules as data with versions, counters per card over sliding windows, decisions
        with inputs in a log.",
      "minutes": 25
    },
    {
      "goal": "Twenty thousand payments a second with two hundred features each.",
      "requirements": {
        "functional": ["20,000 decisions a second in 50 ms", "Windows of a minute to 90 days"],
        "payments_per_second": 20000, "features": 200, "p99_ms": 50, "cards": 300000000
      },
      "tests": [
        {"name": "features", "required": true,
          "scenario": "200 features of a card, a device and a shop",
          "expect": "Three lookups, 10 ms"},
        {"name": "windows", "scenario": "Sums over 90 days",
          "expect": "From buckets, not from single payments"}
      ],
      "hints": ["Four million feature values a second must be precomputed.",
        "Key features by entity, and keep all of one together."],
      "approach": "Streaming aggregation into buckets by card, device and merchant, a feature store
        in memory, a model server with batching.",
      "minutes": 30
    },
    {
      "goal": "Ten payments in the same second: the tenth must know the nine.",
      "requirements": {
        "functional": ["Counters include payments that are being decided",
          "Decisions can be repeated exactly a year later"],
        "counted_in_flight_percent": 100, "replay_differences": 0
      },
      "tests": [
        {"name": "parallel-attack", "required": true,
          "scenario": "10 payments of a card within 100 ms", "expect": "The limit holds"},
        {"name": "audit", "required": true, "scenario": "A decision of last year",
          "expect": "Same inputs, same model, same score"},
        {"name": "late-chargeback", "scenario": "A chargeback comes 60 days later",
          "expect": "It becomes a label as of then"}
      ],
      "hints": ["Count at the question, not at the answer; give back if it fails.",
        "The values that were seen are part of the decision."],
      "approach": "Atomic increment-and-read on the card's shard before scoring, decision records
        with features and versions, labels joined by time.",
      "minutes": 35
    },
    {
      "goal": "The model is down, and the shop wants to sell.",
      "requirements": {
        "functional": ["A decision within 100 ms in any case",
          "A lost feature store is back within 15 minutes"],
        "decision_ms": 100, "rebuild_minutes": 15, "availability_percent": 99.99
      },
      "tests": [
        {"name": "model-down", "required": true, "scenario": "The model does not answer",
          "expect": "Rules decide with stricter limits; later the payments are scored again"},
        {"name": "store-lost", "required": true, "scenario": "Counters are lost",
          "expect": "Rebuilt from snapshot and log within 15 minutes"},
        {"name": "poisoned", "scenario": "An attacker trains the model with good payments",
          "expect": "Bounded by age and trust"}
      ],
      "hints": ["What is the cost of a wrong yes and of a wrong no, by amount?",
        "Afterwards is better than never: orders can be stopped before shipping."],
      "approach": "Deadline with fallback to rules by amount, asynchronous re-scoring, snapshots of
        counters with log position, monitoring of input drift.",
      "minutes": 30
    },
    {
      "goal": "Find rings, not only single cards; annoy fewer good customers.",
      "requirements": {
        "functional": ["Recognise 500 accounts that share devices and addresses",
          "Halve false alarms at equal losses"],
        "ring_detection_minutes": 10, "false_positive_reduction_percent": 50,
        "graph_edges": 5000000000
      },
      "tests": [
        {"name": "ring", "required": true, "scenario": "500 accounts over 40 devices",
          "expect": "Found within 10 minutes"},
        {"name": "false-alarms", "scenario": "A month of real payments",
          "expect": "Half the confirmations at the same losses"},
        {"name": "champion", "scenario": "A new model",
          "expect": "In shadow for a week before it decides"}
      ],
      "hints": ["Who shares what with whom is a graph.",
        "Ask (confirmation) instead of refusing where it is uncertain."],
      "approach": "Streaming connected components over shared attributes, graph features in the
        model, cost-sensitive thresholds, champion and challenger.",
      "minutes": 35
    }
  ],
  "data-warehouse": [
    {
      "goal": "Answer \"turnover by month and shop\" without loading the shop's database.",
      "requirements": {
        "functional": ["Copy orders each night into tables for analysis",
          "A question over a year in 10 seconds"],
        "orders": 10000000, "tables": 12, "query_seconds": 10
      },
      "tests": [
        {"name": "sum", "required": true, "scenario": "Turnover by month",
          "expect": "Equal to the source's"},
        {"name": "repeat-load", "scenario": "The nightly load runs twice",
          "expect": "No row is doubled"}
      ],
      "hints": ["Facts in the middle, dimensions around.",
        "A load replaces a day; it does not add to it."],
      "approach": "Nightly extract into partitions by day that are replaced whole, star schema,
        columnar storage.",
      "minutes": 20
    },
    {
      "goal": "Five petabytes and two thousand questions an hour.",
      "requirements": {
        "functional": ["5 PB, 20 TB new a day", "200 analysts at a time"],
        "stored_pb": 5, "new_tb_per_day": 20, "concurrent_queries": 200, "query_p90_seconds": 30
      },
      "tests": [
        {"name": "scan", "required": true,
          "scenario": "A question over 100 TB with 5 of 80 columns",
          "expect": "Under 7 TB are read, in 30 seconds"},
        {"name": "join", "scenario": "50 billion facts with 200 million customers",
          "expect": "By redistributing once or not at all"}
      ],
      "hints": ["Read only columns and partitions that matter.",
        "The small table travels to the large one."],
      "approach": "Columnar files in object storage with statistics, compute clusters apart,
        partitioning and clustering, broadcast or co-located joins.",
      "minutes": 30
    },
    {
      "goal": "Reports while data are being loaded: all of a load or nothing.",
      "requirements": {
        "functional": ["A question sees one state of all tables",
          "A customer who moved counts for the old town in the old year"],
        "partial_loads_seen": 0, "history": "type 2"
      },
      "tests": [
        {"name": "during-load", "required": true, "scenario": "A question while 20 TB are loaded",
          "expect": "Before or after, never between"},
        {"name": "moved", "required": true, "scenario": "A customer moves in May",
          "expect": "April counts for the old town"},
        {"name": "late-facts", "scenario": "Orders that arrive 3 days late",
          "expect": "In the right day, reports marked as changed"}
      ],
      "hints": ["Switch a list of files at once.", "A dimension row is valid from, and to."],
      "approach": "Table formats with atomic snapshots, multi-table publish by version, slowly
        changing dimensions, idempotent merges.",
      "minutes": 30
    },
    {
      "goal": "Step 14 of 60 fails at four; the report is due at eight.",
      "requirements": {
        "functional": ["A failed step is repeated alone", "Bad data do not reach the reports"],
        "deadline": "08:00", "retries": 3, "availability_percent": 99.5
      },
      "tests": [
        {"name": "step-fails", "required": true, "scenario": "Step 14 fails twice",
          "expect": "It is repeated, dependents wait, the report is ready at 8"},
        {"name": "bad-data", "required": true, "scenario": "Prices are zero since midnight",
          "expect": "A check stops publishing; yesterday's state stays"},
        {"name": "restore", "scenario": "A table is destroyed by mistake",
          "expect": "As of an hour ago within minutes"}
      ],
      "hints": ["Steps with clear inputs and outputs can be run again.", "Write, audit, publish."],
      "approach": "A dependency graph with idempotent steps, quality checks before publication, time
        travel, alarms by the critical path.",
      "minutes": 30
    },
    {
      "goal": "Half the bill, and the dashboards in two seconds.",
      "requirements": {
        "functional": ["Dashboards in 2 seconds", "Who causes which cost is known"],
        "dashboard_p95_seconds": 2, "cost_reduction_percent": 50, "freshness_minutes": 15
      },
      "tests": [
        {"name": "dashboards", "required": true, "scenario": "500 people open the same at 9",
          "expect": "Computed once, 2 seconds each"},
        {"name": "runaway", "scenario": "A question without a filter over 5 PB",
          "expect": "Stopped by its budget, with advice"},
        {"name": "fresh", "scenario": "Orders of the last 15 minutes",
          "expect": "Included, by increments"}
      ],
      "hints": ["The same questions come every morning.",
        "An increment can be added to a stored sum."],
      "approach": "Incremental materialised views, result cache by snapshot, clustering by frequent
        filters, budgets per team, scale to zero.",
      "minutes": 30
    }
  ],
  "stock-exchange": [
    {
      "goal": "Match buy and sell orders for one share by price and time.",
      "requirements": {
        "functional": ["Limit orders, cancels and an order book",
          "Better price first, then the earlier"],
        "symbols": 1, "orders_per_second": 100, "latency_ms": 10
      },
      "tests": [
        {"name": "price-time", "required": true,
          "scenario": "Two sells at 10.00 and one at 9.99; a buy of 2 at 10.00",
          "expect": "9.99 first, then the earlier at 10.00"},
        {"name": "partial", "scenario": "A buy of 100 meets a sell of 60",
          "expect": "60 are traded, 40 wait"}
      ],
      "hints": ["Two sorted sides, and a queue at each price.",
        "A map from order id to its place makes cancelling cheap."],
      "approach": "Price levels with linked queues, map of ids, one thread that matches in order of
        arrival.",
      "minutes": 25
    },
    {
      "goal": "A million orders a second and ten thousand watchers.",
      "requirements": {
        "functional": ["1 million orders a second over 5,000 symbols",
          "Market data to 10,000 subscribers"],
        "orders_per_second": 1000000, "symbols": 5000, "p99_microseconds": 500, "subscribers": 10000
      },
      "tests": [
        {"name": "open", "required": true, "scenario": "Ten times the average at 9:30",
          "expect": "p99 below 500 µs"},
        {"name": "hot-symbol", "scenario": "One share has 20 % of all orders",
          "expect": "One core suffices: 200,000 a second at 2 µs"}
      ],
      "hints": ["Symbols are independent; inside one, order is everything.",
        "No lock, no disk, no allocation on the way."],
      "approach": "Symbols over single-threaded engines pinned to cores, ring buffers, binary
        protocol, multicast for market data.",
      "minutes": 30
    },
    {
      "goal": "Fair to the microsecond, and the same result at every replay.",
      "requirements": {
        "functional": ["Orders are matched in the order of the gateways' sequence",
          "Same input, same trades"],
        "replay_differences": 0, "fairness_microseconds": 10
      },
      "tests": [
        {"name": "replay", "required": true, "scenario": "A day of 5 billion orders is replayed",
          "expect": "The same trades, bit for bit"},
        {"name": "risk", "required": true, "scenario": "Two orders together exceed the limit",
          "expect": "The second is refused, always"},
        {"name": "equal-news", "scenario": "A trade is published",
          "expect": "All subscribers get it within 10 µs of each other"}
      ],
      "hints": ["A sequencer gives each input a number before anything else.",
        "Time is an input, too."],
      "approach": "A sequencer writes a numbered input log, engines are deterministic state machines
        over it, risk checks inside the sequence.",
      "minutes": 35
    },
    {
      "goal": "A machine dies at noon: in a millisecond the other goes on.",
      "requirements": {
        "functional": ["No confirmed order or trade is lost", "Takeover without a visible pause"],
        "takeover_ms": 10, "rpo_messages": 0, "availability_percent": 99.999
      },
      "tests": [
        {"name": "primary-dies", "required": true, "scenario": "The primary engine is killed",
          "expect": "The hot standby goes on within 10 ms; each trade is published once"},
        {"name": "split", "required": true,
          "scenario": "Primary and standby lose sight of each other", "expect": "Only one sends"},
        {"name": "gap", "scenario": "A subscriber misses packets 700 to 705",
          "expect": "It gets them again within a second"}
      ],
      "hints": ["A standby that reads the same log has the same book.",
        "Numbers on outputs let receivers drop doubles."],
      "approach": "Hot standbys on the same sequenced log, publishing by epoch with sequence
        numbers, replicated log before confirmation, gap-fill servers.",
      "minutes": 35
    },
    {
      "goal": "Ten microseconds, and room for the worst day.",
      "requirements": {
        "functional": ["p99 of 10 µs from gateway to gateway", "Five times the busiest day"],
        "p99_microseconds": 10, "headroom_factor": 5, "jitter_p999_microseconds": 50
      },
      "tests": [
        {"name": "latency", "required": true, "scenario": "1 million orders a second",
          "expect": "p99 10 µs, p99.9 50 µs"},
        {"name": "burst", "scenario": "5 million orders within a second",
          "expect": "Queued by rule, no loss, back to normal within 2 seconds"},
        {"name": "cancel-heavy", "scenario": "95 % are cancels", "expect": "Same times"}
      ],
      "hints": ["Where does memory wait? Caches, NUMA, page faults.",
        "Measure from wire to wire, not in the program."],
      "approach": "Kernel bypass, preallocated arrays and flat structures, busy-spinning pinned
        threads, batching in the log only under load.",
      "minutes": 35
    }
  ],
  "multi-region-database": [
    {
      "goal": "One table in Europe and America, readable in both.",
      "requirements": {
        "functional": ["Writes go to a home region, reads are local",
          "A reader is told how old the data are"],
        "regions": 2, "round_trip_ms": 90, "writes_per_second": 50
      },
      "tests": [
        {"name": "local-read", "required": true,
          "scenario": "A reading in Virginia of what was written in Dublin",
          "expect": "Local, at most a second old"},
        {"name": "lag-shown", "scenario": "Replication stands still for a minute",
          "expect": "The answer tells the age"}
      ],
      "hints": ["Light needs its time: 90 ms there and back.",
        "Which requests must see the newest, which only mostly?"],
      "approach": "A leader in the home region, asynchronous replicas by log shipping, reads with a
        bound on staleness.",
      "minutes": 25
    },
    {
      "goal": "Five regions, 200,000 writes a second, near everyone.",
      "requirements": {
        "functional": ["Writes within 20 ms for 95 % of the users",
          "A row lives where its user lives"],
        "regions": 5, "writes_per_second": 200000, "write_p95_ms": 20, "cross_region_percent": 5
      },
      "tests": [
        {"name": "home", "required": true, "scenario": "A Japanese user writes",
          "expect": "Confirmed in Tokyo, below 20 ms"},
        {"name": "move", "scenario": "A user moves from Osaka to Lyon",
          "expect": "the rows within a day, without a pause above a second"}
      ],
      "hints": ["Only those rows need to travel that are used far away.",
        "A directory from user to region is small: replicate it everywhere."],
      "approach": "Rows partitioned by home region, replicas in three zones of it, a global
        directory, asynchronous copies elsewhere, movable leadership.",
      "minutes": 30
    },
    {
      "goal": "Two regions change one row, and one user name is wanted in both.",
      "requirements": {
        "functional": ["Nothing is lost in silence when both write",
          "A user name exists once in the world"],
        "lost_updates": 0, "duplicate_usernames": 0
      },
      "tests": [
        {"name": "unique-name", "required": true,
          "scenario": "\"ana\" in Sydney and in Paris in the same second", "expect": "One gets it"},
        {"name": "both-write", "required": true,
          "scenario": "A profile is changed in two regions during a split",
          "expect": "Merged by field, or shown as a conflict"},
        {"name": "causal", "scenario": "A question in Paris, an answer in Sydney",
          "expect": "Nobody sees the answer without the question"}
      ],
      "hints": ["Uniqueness needs agreement: pay 100 ms, but only there.",
        "Clocks lie: order by causes, with hybrid logical clocks."],
      "approach": "Consensus across regions for the few global constraints, CRDTs or versions by
        field for the rest, hybrid logical clocks with causal tokens.",
      "minutes": 35
    },
    {
      "goal": "A whole region is gone: decide what is lost before it happens.",
      "requirements": {
        "functional": ["Row class A: nothing lost; class B: at most 5 seconds",
          "Service again after 60 seconds"],
        "rto_seconds": 60, "rpo_class_a_seconds": 0, "rpo_class_b_seconds": 5,
        "availability_percent": 99.995
      },
      "tests": [
        {"name": "region-loss", "required": true, "scenario": "Frankfurt is lost at full load",
          "expect": "A complete, B at most 5 seconds short; all users served within 60 seconds"},
        {"name": "comes-back", "required": true,
          "scenario": "Frankfurt comes back with writes that nobody had",
          "expect": "Found, listed and reconciled; no second leader"},
        {"name": "drill", "scenario": "A region is switched off each month",
          "expect": "Nobody notices more than the promised"}
      ],
      "hints": ["Zero loss costs a round trip to another region at each write.",
        "What is left must be large enough for all."],
      "approach": "Per-table choice of synchronous quorum over regions or asynchronous, fenced
        failover by epoch from a five-region consensus group, spare capacity of N − 1.",
      "minutes": 35
    },
    {
      "goal": "Fresh reads in 5 ms and half the cost between regions.",
      "requirements": {
        "functional": ["Consistent local reads of data that are seldom changed",
          "Halve the traffic between regions"],
        "read_p99_ms": 5, "traffic_saved_percent": 50, "follower_read_staleness_ms": 4800
      },
      "tests": [
        {"name": "global-table", "required": true,
          "scenario": "Prices: 1 write a minute, 500,000 reads a second everywhere",
          "expect": "Local and consistent; writes may take 300 ms"},
        {"name": "snapshot", "scenario": "A report \"as of 5 seconds ago\"",
          "expect": "From the local follower, consistent over all tables"},
        {"name": "law", "scenario": "A customer's data may not leave the EU",
          "expect": "No copy, index or backup elsewhere"}
      ],
      "hints": ["Writing may wait until all have it, if it happens rarely.",
        "A timestamp in the past is safe once all earlier writes have arrived."],
      "approach": "Global tables with commits in the near future (closed timestamps), follower reads
        by bounded staleness, compressed logs sent once per region, placement by rule.",
      "minutes": 35
    }
  ]
}
$json$, '\n *', ' ', 'g')::jsonb
), rules(level_number, level_name, min_score, xp) as (
  values (1, 'Connectivity', 60, 20), (2, 'Capacity', 65, 30), (3, 'Consistency', 70, 40),
    (4, 'Reliability', 75, 50), (5, 'Optimization', 80, 60)
), factors(difficulty, factor) as (
  values ('beginner', 1.0), ('intermediate', 1.5), ('advanced', 2.0)
), rows
  (challenge_id, level_number, level_name, description, requirements, test_cases,
   passing_criteria, xp_reward, hints, solution_approach, estimated_minutes)
as (
select c.id, r.level_number, r.level_name, v.level ->> 'goal', v.level -> 'requirements',
  t.cases, jsonb_build_object('min_score', r.min_score, 'must_pass', t.required),
  (r.xp * f.factor)::integer, h.hints, v.level ->> 'approach', (v.level ->> 'minutes')::integer
from document d
cross join lateral jsonb_each(d.levels) s(slug, levels)
cross join lateral jsonb_array_elements(s.levels) with ordinality v(level, number)
cross join lateral (
  select jsonb_agg(e.test - 'required' order by e.number) as cases,
    jsonb_agg(e.test -> 'name' order by e.number) filter (where e.test ? 'required') as required
  from jsonb_array_elements(v.level -> 'tests') with ordinality e(test, number)
) t
cross join lateral (
  select jsonb_agg(jsonb_build_object('text', e.hint, 'xp_penalty', 5 * e.number)
    order by e.number) as hints
  from jsonb_array_elements(v.level -> 'hints') with ordinality e(hint, number)
) h
left join learn.challenges c on c.slug = s.slug  -- a slug that is not there fails
left join rules r on r.level_number = v.number
left join factors f on f.difficulty = c.difficulty
)
select learn_internal.merge_rows(
  'learn.challenge_levels', '{challenge_id,level_number}',
  jsonb_agg(to_jsonb(r))) as challenge_levels
from rows r;
