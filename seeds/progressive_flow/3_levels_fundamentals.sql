-- The five levels of each challenge of the track fundamentals. Long texts go on in the next line: a
-- line break and the blanks after it are read as one blank. The n-th hint costs 5 × n XP; the
-- names of the required tests are the level's must_pass.
select learn_internal.use_product('progressive_flow');

with document(levels) as (
  select regexp_replace($json$
{
  "url-shortener": [
    {
      "goal": "Turn a long address into a short code and send the visitor of that code to the right
        page.",
      "requirements": {
        "functional": ["POST /links returns a code of 7 characters; GET /{code} answers with a
            redirect",
          "An unknown code answers 404, a malformed address 400"],
        "links_stored": 1000, "requests_per_second": 10, "p99_ms": 200
      },
      "tests": [
        {"name": "redirects-known-code", "required": true,
          "scenario": "A link is created, then its code is opened",
          "expect": "302 with the original address in Location"},
        {"name": "rejects-bad-address", "scenario": "POST with the address \"htp:/x\"",
          "expect": "400, nothing is stored"},
        {"name": "unknown-code", "scenario": "GET of a code that was never issued",
          "expect": "404 without a stack trace"}
      ],
      "hints": ["What is the least you must store to answer a redirect?",
        "One table with the code as primary key is enough; think about which redirect status lets
          you count clicks."],
      "approach": "A stateless web tier before one table (code primary key, address, created_at).
        Use 302, so that browsers ask again and clicks can be counted.",
      "minutes": 15
    },
    {
      "goal": "Ten years of links and a read-heavy load: decide the length of codes and where the
        rows live.",
      "requirements": {
        "functional": ["Take 100 million new links a month and keep them for 10 years",
          "Serve 100 redirects for each link that is created"],
        "writes_per_second": 40, "reads_per_second": 4000, "links_stored": 12000000000,
        "stored_tb": 6
      },
      "tests": [
        {"name": "code-space", "required": true, "scenario": "12 billion links are stored",
          "expect": "Codes of 7 base-62 characters suffice (3.5 trillion), and the design says so"},
        {"name": "read-load", "scenario": "4,000 redirects a second for 10 minutes",
          "expect": "p99 below 100 ms and no queue that grows"}
      ],
      "hints": ["62 to the power of 7 is about 3.5 trillion. How full will the space be after ten
          years?",
        "Rows are read by key only, so a partition by hash of the code needs no joins."],
      "approach": "Base-62 codes of 7 characters, rows of about 500 bytes partitioned by hash of the
        code, read replicas or a cache for redirects.",
      "minutes": 20
    },
    {
      "goal": "Two people shorten at the same moment: no code may ever lead to two addresses.",
      "requirements": {
        "functional": ["Codes are unique under 200 concurrent writers",
          "A custom alias belongs to whoever asked first; the second gets 409"],
        "concurrent_writers": 200, "duplicate_codes": 0
      },
      "tests": [
        {"name": "no-duplicate-code", "required": true,
          "scenario": "200 writers create 10,000 links each", "expect": "2,000,000 distinct codes"},
        {"name": "alias-race", "required": true,
          "scenario": "50 requests ask for the alias \"sale\" in the same millisecond",
          "expect": "One 201 and forty-nine 409"},
        {"name": "read-own-link",
          "scenario": "A link is opened 50 ms after it was created, from a replica",
          "expect": "It redirects, or falls back to the leader"}
      ],
      "hints": ["A check followed by an insert is a race; let a unique constraint decide.",
        "Handing each server a range of numbers gives unique codes without asking anybody per
          link.",
        "For a fresh link that the replica lacks, a miss may be looked up once more at the
          leader."],
      "approach": "Reserve ranges of a counter per server and encode them in base 62 after a
        bijective shuffle; aliases rely on a unique key; a miss on a replica is retried at the
        leader.",
      "minutes": 20
    },
    {
      "goal": "Redirects keep working while a database node or a whole zone is away.",
      "requirements": {
        "functional": ["Redirects survive the loss of any one machine; creating links may pause for
            30 seconds",
          "No link that was confirmed with 201 is ever lost"],
        "availability_percent": 99.95, "failover_seconds": 30, "lost_links": 0
      },
      "tests": [
        {"name": "leader-dies", "required": true,
          "scenario": "The leader of the database is killed under 4,000 reads a second",
          "expect": "Redirects go on from replicas; fewer than 0.1 % fail"},
        {"name": "writes-return", "scenario": "60 seconds after the leader died",
          "expect": "POST /links works again, on the promoted replica"},
        {"name": "confirmed-link-survives", "scenario": "The leader dies right after a 201",
          "expect": "The link exists on the new leader"}
      ],
      "hints": ["Reads and writes need not have the same availability: what is still possible
          without a leader?",
        "A write that only one machine has is lost with it. Whom must you wait for before the
          201?"],
      "approach": "One synchronous replica in another zone, automatic promotion, reads from any
        replica; web servers are stateless behind health checks.",
      "minutes": 20
    },
    {
      "goal": "One percent of the links get most of the clicks: make them fast and cheap.",
      "requirements": {
        "functional": ["Answer popular codes without asking the database",
          "Count clicks per link without a write on the redirect's path"],
        "reads_per_second": 40000, "p99_ms": 20, "cache_hit_percent": 95, "click_delay_seconds": 60
      },
      "tests": [
        {"name": "hot-link", "required": true, "scenario": "One code gets 20,000 requests a second",
          "expect": "p99 below 20 ms and at most one database read a second for it"},
        {"name": "click-counts", "scenario": "1,000,000 clicks in 10 minutes",
          "expect": "Counts are at most 60 seconds late and within 0.1 %"},
        {"name": "expired-link", "scenario": "A cached link is deleted",
          "expect": "It stops redirecting within 60 seconds"}
      ],
      "hints": ["The top 20 % of a day's links fit into the memory of a few machines.",
        "Clicks are a stream of events: append them and add them up later."],
      "approach": "A cache of the hot codes at the edge with a TTL of a minute, request coalescing
        on a miss, clicks as events in a queue that are aggregated per minute.",
      "minutes": 25
    }
  ],
  "unique-id-generator": [
    {
      "goal": "Hand out ids that are unique, numeric and sortable by time, from one server.",
      "requirements": {
        "functional": ["next_id() returns a positive integer of 64 bits",
          "An id made later is greater than one made earlier"],
        "ids_per_second": 100, "p99_ms": 20
      },
      "tests": [
        {"name": "strictly-rising", "required": true,
          "scenario": "10,000 ids are asked for one after another",
          "expect": "Each is greater than the one before"},
        {"name": "fits-64-bits", "scenario": "The clock is set to the year 2090",
          "expect": "Ids are still positive and below 2^63"}
      ],
      "hints": ["A counter sorts, a timestamp tells when. Could one number hold both?",
        "Let the high bits be milliseconds since your own epoch."],
      "approach": "Milliseconds since an epoch of your own in the high 41 bits (69 years), a
        sequence in the low ones.",
      "minutes": 10
    },
    {
      "goal": "Ten thousand ids per millisecond over a fleet, without a central counter.",
      "requirements": {
        "functional": ["1,000 servers make ids on their own",
          "The fleet reaches 10 million ids a second"],
        "servers": 1000, "ids_per_second": 10000000, "bits": 64
      },
      "tests": [
        {"name": "bit-budget", "required": true, "scenario": "The layout is added up",
          "expect": "1 + 41 time + 10 server + 12 sequence = 64 bits"},
        {"name": "burst", "scenario": "One server is asked for 5,000 ids within a millisecond",
          "expect": "4,096 at once, the rest in the next millisecond"}
      ],
      "hints": ["10 bits name 1,024 servers, 12 bits count 4,096 ids per millisecond.",
        "What should happen when the sequence is used up before the millisecond is over?"],
      "approach": "The Snowflake layout: 41 bits of time, 10 of worker, 12 of sequence; when the
        sequence is used up, wait for the next millisecond.",
      "minutes": 15
    },
    {
      "goal": "Clocks jump and workers restart: uniqueness must not depend on luck.",
      "requirements": {
        "functional": ["No duplicate although a server's clock is set back by 5 seconds",
          "No two live servers ever share a worker number"],
        "duplicate_ids": 0, "clock_step_seconds": 5
      },
      "tests": [
        {"name": "clock-steps-back", "required": true,
          "scenario": "NTP sets a clock back 5 seconds under load",
          "expect": "No duplicate; the server waits or refuses, and says why"},
        {"name": "worker-number-race", "required": true,
          "scenario": "50 servers start in the same second",
          "expect": "50 distinct worker numbers"},
        {"name": "fast-restart", "scenario": "A server restarts within one millisecond",
          "expect": "Its first id is not one that it handed out before"}
      ],
      "hints": ["Keep the greatest timestamp that was used, and never go below it.",
        "A worker number is a lease: it must be claimed atomically, and it runs out."],
      "approach": "Worker numbers are leases with expiry in a coordination store; a generator
        refuses when its clock is behind the last timestamp it used, which it persists ahead in
        steps.",
      "minutes": 20
    },
    {
      "goal": "Ids keep coming while the coordination store and half the fleet are down.",
      "requirements": {
        "functional": ["Running servers need no outside help for at least one hour",
          "A server that lost its lease stops before another may take it"],
        "availability_percent": 99.99, "autonomy_minutes": 60
      },
      "tests": [
        {"name": "store-down", "required": true,
          "scenario": "The store of leases is unreachable for 50 minutes",
          "expect": "All running servers hand out ids"},
        {"name": "lease-lost", "scenario": "A server is paused for 2 hours and wakes up",
          "expect": "It refuses until it has a new worker number"},
        {"name": "new-server", "scenario": "A server starts while the store is down",
          "expect": "It fails readiness and takes no traffic"}
      ],
      "hints": ["The holder must give up earlier than the store does, by more than the clocks may
          differ.",
        "A monotonic clock notices a pause that wall time hides."],
      "approach": "Leases of 2 hours renewed every 10 minutes; the holder stops on its own monotonic
        clock with a margin before the store lets the number go.",
      "minutes": 20
    },
    {
      "goal": "Ids in a microsecond, and database indexes that like them.",
      "requirements": {
        "functional": ["Callers get ids without a network round trip",
          "Public ids do not tell how many orders there are a day"],
        "p99_microseconds": 5, "ids_per_second_per_core": 4000000
      },
      "tests": [
        {"name": "in-process", "required": true,
          "scenario": "A library makes 4 million ids a second on one core",
          "expect": "No lock is contended, p99 below 5 µs"},
        {"name": "index-locality", "scenario": "10 million rows are inserted by id",
          "expect": "The B-tree grows at its right edge; pages are over 90 % full"},
        {"name": "not-guessable", "scenario": "Two public ids of the same second are compared",
          "expect": "The difference tells nothing about the volume"}
      ],
      "hints": ["A library in the process needs no network, only a worker number.",
        "Keep the sortable id inside and show another one outside."],
      "approach": "The generator is a library with a worker number per process; rows keep the sorted
        id, the outside sees it encrypted with a keyed permutation of 64 bits.",
      "minutes": 25
    }
  ],
  "load-balancer": [
    {
      "goal": "Put one address in front of three web servers and spread the requests over them.",
      "requirements": {
        "functional": ["Requests go round robin to all servers that are up",
          "The server sees the client's address and protocol"],
        "backends": 3, "requests_per_second": 50, "added_ms": 5
      },
      "tests": [
        {"name": "spreads-evenly", "required": true, "scenario": "3,000 requests over 3 servers",
          "expect": "Each gets between 990 and 1,010"},
        {"name": "client-address", "scenario": "A request from 203.0.113.9",
          "expect": "The server reads it in X-Forwarded-For; a forged header of the client is
            dropped"}
      ],
      "hints": ["The proxy ends the client's connection and opens its own: what gets lost on the
          way?",
        "Only the proxy may write X-Forwarded-For; throw away what the client claims."],
      "approach": "A layer-7 reverse proxy with a list of backends, round robin, and headers that it
        alone sets.",
      "minutes": 15
    },
    {
      "goal": "Fifty thousand requests a second with unequal servers and unequal requests.",
      "requirements": {
        "functional": ["Use keep-alive to the backends; no more than 10,000 open connections per
            proxy",
          "A server with half the cores gets half the load"],
        "requests_per_second": 50000, "backends": 40, "connections_per_proxy": 10000
      },
      "tests": [
        {"name": "weights", "required": true,
          "scenario": "Servers with 8 and 4 cores get 30,000 requests",
          "expect": "They share them 2 to 1, within 3 %"},
        {"name": "slow-requests", "scenario": "1 % of the requests take 5 seconds",
          "expect": "Other requests see a p99 below 100 ms"}
      ],
      "hints": ["Round robin counts requests; a slow one counts as much as a quick one.",
        "Least outstanding requests adapts by itself to slow servers."],
      "approach": "Weighted least-outstanding-requests with two random choices, pooled keep-alive
        connections, several proxies behind DNS or anycast.",
      "minutes": 20
    },
    {
      "goal": "Some sessions live in the memory of a server: send a user where the state is.",
      "requirements": {
        "functional": ["Requests of one session reach the same server while it is up",
          "Adding a server moves as few sessions as possible"],
        "sessions": 200000, "moved_when_adding_percent": 3
      },
      "tests": [
        {"name": "sticky", "required": true, "scenario": "A session makes 100 requests",
          "expect": "All reach one server"},
        {"name": "add-a-server", "required": true, "scenario": "A 41st server joins 40",
          "expect": "At most 3 % of the sessions move"},
        {"name": "remove-a-server", "scenario": "A server is drained",
          "expect": "Its sessions finish or move within 5 minutes; others stay"}
      ],
      "hints": ["hash mod n moves nearly all keys when n changes.",
        "A consistent hash ring, or a cookie that names the server: who owns the decision?"],
      "approach": "Consistent hashing of the session id on a ring with virtual nodes; draining stops
        new sessions first. Better still, put sessions into a store.",
      "minutes": 20
    },
    {
      "goal": "Detect dead servers quickly, and do not be the single point of failure yourself.",
      "requirements": {
        "functional": ["A dead server gets no new request after 5 seconds",
          "The loss of a balancer is noticed by no more than 1 % of the requests"],
        "detection_seconds": 5, "availability_percent": 99.99, "failed_requests_percent": 1
      },
      "tests": [
        {"name": "kill-backend", "required": true,
          "scenario": "A server is killed under 50,000 requests a second",
          "expect": "Errors end within 5 seconds; idempotent requests are retried once"},
        {"name": "kill-balancer", "required": true, "scenario": "One of two balancers is unplugged",
          "expect": "Its address moves to the other within 3 seconds"},
        {"name": "all-unhealthy", "scenario": "A bad health check marks every server as dead",
          "expect": "Traffic goes to all of them rather than to none"}
      ],
      "hints": ["Active probes find the dead; counting real errors finds the half-dead.",
        "A retry without a budget turns a small failure into a large one."],
      "approach": "Active probes every second plus ejection by error rate, a retry budget of 10 %, a
        pair of balancers with a floating address, and fail-open when all look dead.",
      "minutes": 25
    },
    {
      "goal": "Save latency: end TLS early, reuse connections and never overload a server.",
      "requirements": {
        "functional": ["TLS sessions are resumed; HTTP/2 towards clients",
          "Under overload, excess requests are turned away within 10 ms"],
        "p99_added_ms": 2, "overload_factor": 2, "reject_ms": 10
      },
      "tests": [
        {"name": "overload", "required": true,
          "scenario": "Twice the capacity arrives for 10 minutes",
          "expect": "Goodput stays above 90 % of capacity; the rest gets 503 in 10 ms"},
        {"name": "warm-up", "scenario": "A fresh server joins",
          "expect": "Its share rises over 60 seconds instead of jumping"},
        {"name": "resume", "scenario": "A client comes back within an hour",
          "expect": "The TLS handshake takes one round trip at most"}
      ],
      "hints": ["A queue that is longer than the client's patience does work for nobody.",
        "Limit what is in flight per server, and shed by priority beyond it."],
      "approach": "Limits on concurrency per backend with load shedding, slow start, TLS tickets
        shared by the balancers, HTTP/2 with pooled connections behind.",
      "minutes": 25
    }
  ],
  "read-through-cache": [
    {
      "goal": "Put a cache before a slow product database: look there first, load on a miss.",
      "requirements": {
        "functional": ["get(product) answers from memory when it can, else loads and remembers",
          "Entries run out after 5 minutes"],
        "products": 10000, "requests_per_second": 50, "database_ms": 80, "hit_ms": 2
      },
      "tests": [
        {"name": "second-read-fast", "required": true, "scenario": "The same product is read twice",
          "expect": "80 ms, then below 2 ms"},
        {"name": "expiry", "scenario": "A product is read 6 minutes after its first read",
          "expect": "It is loaded again"},
        {"name": "missing-product", "scenario": "An unknown product is read twice",
          "expect": "Both answer 404, one of them from memory"}
      ],
      "hints": ["Where does the loading belong: in each caller, or in the cache itself?",
        "Remember that something does not exist, too, but for a shorter time."],
      "approach": "A hash map with expiry whose get() takes a loader; unknown keys are cached for 30
        seconds.",
      "minutes": 15
    },
    {
      "goal": "Two million products, memory for a tenth of them.",
      "requirements": {
        "functional": ["Hold at most 4 GB; keep what is asked for most",
          "Reach 85 % hits with a Zipf-like load"],
        "products": 2000000, "memory_gb": 4, "requests_per_second": 20000, "cache_hit_percent": 85
      },
      "tests": [
        {"name": "bounded", "required": true, "scenario": "All 2 million products are read once",
          "expect": "Memory never exceeds 4 GB"},
        {"name": "zipf", "scenario": "20,000 reads a second, Zipf with s = 1",
          "expect": "At least 85 % hits after warming up"},
        {"name": "scan", "scenario": "A nightly job reads every product once",
          "expect": "The hit rate afterwards is within 5 points of before"}
      ],
      "hints": ["A list and a map make LRU work in constant time.",
        "A scan flushes an LRU: admit newcomers to a small waiting room first."],
      "approach": "Segmented LRU or W-TinyLFU in constant time per operation; a newcomer must beat
        the victim's frequency.",
      "minutes": 20
    },
    {
      "goal": "A price changes: nobody may buy at yesterday's price.",
      "requirements": {
        "functional": ["A change is visible to all readers within one second",
          "A slow load must not put an old value over a new one"],
        "staleness_ms": 1000, "cache_servers": 8
      },
      "tests": [
        {"name": "stale-load", "required": true,
          "scenario": "A load begins, the price changes, the load ends",
          "expect": "The old price is not in the cache afterwards"},
        {"name": "update-visible", "required": true, "scenario": "A price is changed",
          "expect": "All 8 cache servers show it within a second"},
        {"name": "lost-invalidation", "scenario": "An invalidation message gets lost",
          "expect": "The entry is right again after 60 seconds at the latest"}
      ],
      "hints": ["Delete on write beats update on write: which order with the database's commit?",
        "A version or a lease given out at the miss tells whether the load may be stored."],
      "approach": "Delete after the commit, driven by the database's log; leases refuse late fills;
        a TTL of 60 seconds as a safety net.",
      "minutes": 20
    },
    {
      "goal": "A cache that dies must not take the database with it.",
      "requirements": {
        "functional": ["When the cache restarts empty, the database stays under its limit of 2,000
            reads a second",
          "When the database is down, serve what is known and say that it is old"],
        "database_reads_per_second": 2000, "availability_percent": 99.95, "stale_minutes": 30
      },
      "tests": [
        {"name": "cold-start", "required": true,
          "scenario": "The cache restarts empty under 20,000 requests a second",
          "expect": "The database never sees more than 2,000 reads a second"},
        {"name": "database-down", "scenario": "The database is away for 10 minutes",
          "expect": "Known products are served and marked as stale"},
        {"name": "one-cache-dies", "scenario": "One of 8 cache servers dies",
          "expect": "The hit rate falls by 13 points at most"}
      ],
      "hints": ["A limit on concurrent loads protects the database; what do the others get
          meanwhile?",
        "Keep expired entries for a while: they are a fallback."],
      "approach": "A limit on loads in flight with queueing, soft and hard TTLs, consistent hashing
        over the servers, gradual warming from a list of hot keys.",
      "minutes": 20
    },
    {
      "goal": "End the stampede: a hot key expires and ten thousand requests want it.",
      "requirements": {
        "functional": ["At most one load per key at any time",
          "Hot entries are renewed before they expire"],
        "requests_per_second": 100000, "p99_ms": 5, "loads_per_expiry": 1
      },
      "tests": [
        {"name": "stampede", "required": true,
          "scenario": "A key with 10,000 requests a second expires",
          "expect": "One load; nobody waits longer than 5 ms"},
        {"name": "aligned-expiry", "scenario": "50,000 keys were loaded in the same second",
          "expect": "Their expiry is spread over a minute"},
        {"name": "hot-key", "scenario": "One key gets 40 % of all requests",
          "expect": "Servers answer it from a local copy that is at most a second old"}
      ],
      "hints": ["While one loads, the others may have the old value.",
        "Add a random tenth to every TTL."],
      "approach": "Single flight with stale-while-revalidate, probabilistic early refresh, jitter on
        TTLs, a tiny local cache for the hottest keys.",
      "minutes": 25
    }
  ],
  "key-value-store": [
    {
      "goal": "Build put, get and delete on one machine so that data survive a restart.",
      "requirements": {
        "functional": ["put(key, value), get(key), delete(key) with keys up to 1 KB and values up to
            100 KB",
          "What was acknowledged is there after a crash"],
        "keys": 100000, "operations_per_second": 500, "p99_ms": 20
      },
      "tests": [
        {"name": "crash-recovery", "required": true,
          "scenario": "The process is killed after 10,000 acknowledged puts",
          "expect": "All 10,000 are there after the restart"},
        {"name": "overwrite", "scenario": "A key is written three times",
          "expect": "get returns the last value"},
        {"name": "torn-write", "scenario": "The power fails in the middle of a record",
          "expect": "The half record is recognised and dropped"}
      ],
      "hints": ["Appending to a file is the fastest durable write there is.",
        "An index in memory from key to offset turns the log into a store; a checksum finds a torn
          tail."],
      "approach": "An append-only log with checksums and fsync before the acknowledgement, a hash
        index of offsets in memory rebuilt at the start.",
      "minutes": 20
    },
    {
      "goal": "More keys than memory, and a log that must not grow for ever.",
      "requirements": {
        "functional": ["Hold 1 billion keys of 1 KB on one machine with 64 GB of memory",
          "Writes stay fast while space is reclaimed"],
        "keys": 1000000000, "stored_tb": 1, "memory_gb": 64, "writes_per_second": 20000
      },
      "tests": [
        {"name": "index-too-large", "required": true, "scenario": "1 billion keys are loaded",
          "expect": "Memory stays below 64 GB, so not every key is in it"},
        {"name": "reclaim", "scenario": "Every key is overwritten ten times",
          "expect": "Disk use stays below three times the live data"},
        {"name": "range", "scenario": "1,000 keys with a common prefix are read",
          "expect": "One seek and a sequential read"}
      ],
      "hints": ["If segments are sorted, the index can be sparse.",
        "Memtable, sorted files, merge in the background: what does that do to reads of missing
          keys?"],
      "approach": "An LSM tree: memtable and write-ahead log, sorted segments with sparse index and
        Bloom filters, levelled compaction with limited bandwidth.",
      "minutes": 25
    },
    {
      "goal": "Three replicas of each key, and clients that read what they wrote.",
      "requirements": {
        "functional": ["With 3 replicas, writes wait for 2 and reads ask 2",
          "Two concurrent writes to a key are noticed, none is lost in silence"],
        "replicas": 3, "write_quorum": 2, "read_quorum": 2
      },
      "tests": [
        {"name": "read-your-write", "required": true,
          "scenario": "A client writes and reads with one replica down",
          "expect": "It reads what it wrote"},
        {"name": "concurrent-writes", "required": true,
          "scenario": "Two clients write the same key in a partition",
          "expect": "After healing, both versions are returned or a rule decides, as documented"},
        {"name": "stale-replica", "scenario": "A replica missed 1,000 writes",
          "expect": "Reads repair it; it agrees after anti-entropy"}
      ],
      "hints": ["When do the sets of a read and a write overlap for certain?",
        "A wall clock cannot tell \"concurrent\" from \"later\"; version vectors can."],
      "approach": "Quorums with R + W > N, version vectors with siblings handed to the client, read
        repair and Merkle-tree anti-entropy.",
      "minutes": 25
    },
    {
      "goal": "Lose a machine without losing a write or a night's sleep.",
      "requirements": {
        "functional": ["The loss of one of 12 nodes loses no acknowledged write",
          "Replacing a node moves its share only"],
        "nodes": 12, "availability_percent": 99.95, "rebuild_minutes": 60
      },
      "tests": [
        {"name": "node-loss", "required": true, "scenario": "A node with 1 TB dies for good",
          "expect": "Its ranges have three copies again within 60 minutes"},
        {"name": "brief-outage", "scenario": "A node is away for 10 minutes",
          "expect": "It gets what it missed through hints"},
        {"name": "bad-disk", "scenario": "A disk returns wrong bytes",
          "expect": "Checksums refuse them; another replica answers"}
      ],
      "hints": ["Many small ranges per node let all others help with the rebuild.",
        "Keep writes for an absent neighbour for a while, with a limit."],
      "approach": "Consistent hashing with 256 virtual nodes per machine, hinted handoff for an
        hour, parallel rebuild from all replicas, checksums on each block.",
      "minutes": 25
    },
    {
      "goal": "A p99 of 5 ms under 200,000 operations a second with hot keys.",
      "requirements": {
        "functional": ["Compaction does not show in the latency",
          "The hottest key gets 5 % of all reads"],
        "operations_per_second": 200000, "p99_ms": 5, "hot_key_percent": 5
      },
      "tests": [
        {"name": "compaction-quiet", "required": true,
          "scenario": "A major compaction runs under full load",
          "expect": "p99 rises by at most 2 ms"},
        {"name": "hot-key", "scenario": "One key gets 10,000 reads a second",
          "expect": "All its replicas share them; a cache takes most"},
        {"name": "missing-keys", "scenario": "Half of the reads are for keys that do not exist",
          "expect": "99 % of these touch no disk"}
      ],
      "hints": ["Give compaction a budget of I/O, and run it before it is urgent.",
        "A Bloom filter of 10 bits per key lets 1 % of the false reads pass."],
      "approach": "Rate-limited compaction, a block cache and a row cache for hot keys, reads spread
        over replicas, Bloom filters of 10 bits per key.",
      "minutes": 25
    }
  ],
  "job-queue": [
    {
      "goal": "Take slow work out of the request: put it into a table and let a worker do it.",
      "requirements": {
        "functional": ["enqueue(kind, payload) returns at once; a worker runs jobs in order of
            arrival",
          "The state of a job can be asked for: waiting, running, done, failed"],
        "jobs_per_minute": 60, "enqueue_ms": 20, "workers": 1
      },
      "tests": [
        {"name": "runs-once", "required": true, "scenario": "100 jobs are enqueued",
          "expect": "Each runs once, in order of arrival"},
        {"name": "failing-job", "scenario": "A job throws",
          "expect": "It is \"failed\" with its error; the next one runs"}
      ],
      "hints": ["A table with state and created_at is a queue already.",
        "Enqueue in the same transaction as the order it belongs to."],
      "approach": "A jobs table in the application's database, written in the same transaction as
        what causes the job, and a worker that polls.",
      "minutes": 15
    },
    {
      "goal": "Two thousand jobs a second and forty workers that do not step on each other.",
      "requirements": {
        "functional": ["40 workers share the queue without waiting for each other's locks",
          "Done jobs do not slow down the search for waiting ones"],
        "jobs_per_second": 2000, "workers": 40, "backlog": 5000000, "pickup_ms": 100
      },
      "tests": [
        {"name": "scales-with-workers", "required": true, "scenario": "Workers go from 10 to 40",
          "expect": "Throughput rises at least 3.5 times"},
        {"name": "long-backlog", "scenario": "5 million jobs wait",
          "expect": "Picking one up takes below 100 ms"}
      ],
      "hints": ["Forty workers that want the same first row stand in line.",
        "Lock the first row that nobody has locked, and index only what waits."],
      "approach": "Batches of 20 jobs with `for update skip locked` over a partial index on waiting
        jobs; done jobs move to partitions that are dropped.",
      "minutes": 20
    },
    {
      "goal": "Exactly one worker has a job, even when workers hang and come back.",
      "requirements": {
        "functional": ["A job whose worker is silent for 60 seconds goes to another",
          "A worker that comes back late cannot finish a job that it no longer has"],
        "lease_seconds": 60, "double_effects": 0
      },
      "tests": [
        {"name": "worker-killed", "required": true,
          "scenario": "A worker is killed in the middle of a job",
          "expect": "Another begins it within 70 seconds"},
        {"name": "zombie", "required": true,
          "scenario": "A worker sleeps for 2 minutes, wakes up and reports success",
          "expect": "The report is refused: its lease number is old"},
        {"name": "double-enqueue", "scenario": "The same request is retried with its key",
          "expect": "One job"}
      ],
      "hints": ["A lock held by a dead worker never ends, a lease does.",
        "Number the leases; whoever reports must name the number."],
      "approach": "Leases with a heartbeat and a growing attempt number that guards completion;
        unique keys for enqueuing; jobs are written to be repeatable.",
      "minutes": 25
    },
    {
      "goal": "Bad jobs, bad hours, bad neighbours: keep the rest moving.",
      "requirements": {
        "functional": ["A failed job is retried 5 times with growing pauses, then set aside",
          "One customer's million jobs do not delay another's ten"],
        "retries": 5, "first_pause_seconds": 10, "fairness_delay_seconds": 5
      },
      "tests": [
        {"name": "poison-job", "required": true, "scenario": "A job fails each time",
          "expect": "5 retries after pauses of 10 s to about 160 s, then the dead-letter list"},
        {"name": "fairness", "required": true,
          "scenario": "A enqueues 1,000,000 jobs, then B enqueues 10",
          "expect": "B's jobs start within 5 seconds"},
        {"name": "downstream-down", "scenario": "The mail server is away for an hour",
          "expect": "Only mail jobs wait; nothing is lost"}
      ],
      "hints": ["Pauses double and get a random part, or all retries come together.",
        "Take turns between customers instead of going by arrival alone."],
      "approach": "Exponential backoff with jitter, a dead-letter state with a button to retry,
        round robin over customers with a cap on concurrency per kind.",
      "minutes": 20
    },
    {
      "goal": "Start jobs in milliseconds and run the fleet at the right size.",
      "requirements": {
        "functional": ["A job starts within 20 ms when a worker is idle, without polling every
            millisecond",
          "Workers follow the backlog"],
        "pickup_p99_ms": 20, "idle_queries_per_second": 1, "drain_minutes": 5
      },
      "tests": [
        {"name": "quick-pickup", "required": true,
          "scenario": "A job is enqueued into an empty queue", "expect": "It starts within 20 ms"},
        {"name": "scale-out", "scenario": "The backlog rises to 600,000 jobs",
          "expect": "Workers are added; it is drained within 5 minutes after that"},
        {"name": "idle-cost", "scenario": "Nothing happens for an hour",
          "expect": "At most one query a second from the whole fleet"}
      ],
      "hints": ["Let the database or the broker wake the workers up.",
        "Scale by the age of the oldest job: it says what users feel."],
      "approach": "Notification on insert with a slow poll as a safety net, priorities, autoscaling
        by age of the oldest waiting job, batches for tiny jobs.",
      "minutes": 20
    }
  ],
  "rate-limiter": [
    {
      "goal": "Allow each API key 100 requests a minute and answer the rest with 429.",
      "requirements": {
        "functional": ["Count per API key; a missing key counts by client address",
          "429 says in Retry-After when to come back"],
        "limit_per_minute": 100, "keys": 1000, "added_ms": 5
      },
      "tests": [
        {"name": "over-limit", "required": true,
          "scenario": "A key sends 120 requests within a minute",
          "expect": "100 pass, 20 get 429 with Retry-After"},
        {"name": "next-minute", "scenario": "The same key sends again after Retry-After",
          "expect": "The request passes"}
      ],
      "hints": ["The simplest thing is a counter per key and minute. What happens at the turn of the
          minute?",
        "A token bucket needs two numbers per key: tokens and the time they were filled."],
      "approach": "A token bucket per key in memory: refill by elapsed time, take one per request,
        refuse when empty.",
      "minutes": 15
    },
    {
      "goal": "A hundred million keys and half a million requests a second.",
      "requirements": {
        "functional": ["Keep the state of every key that was active in the last hour",
          "Use at most 100 bytes per key"],
        "requests_per_second": 500000, "active_keys": 100000000, "bytes_per_key": 100,
        "memory_gb": 10
      },
      "tests": [
        {"name": "memory", "required": true,
          "scenario": "100 million keys are active within an hour",
          "expect": "State stays within 10 GB over all shards"},
        {"name": "burst-boundary", "scenario": "A key sends 100 at 11:59:59 and 100 at 12:00:00",
          "expect": "At most 100 pass in any 60 seconds, with a tolerance of 5 %"}
      ],
      "hints": ["A log of timestamps is exact but costs 8 bytes for every request.",
        "Weighting the previous window by its overlap needs two counters only."],
      "approach": "Sliding-window counters (this window and the previous one, weighted) in a sharded
        in-memory store with expiry of idle keys.",
      "minutes": 20
    },
    {
      "goal": "Twenty gateways share one limit: the sum counts, not each of them.",
      "requirements": {
        "functional": ["The limit holds over 20 gateways with an error of at most 2 %",
          "Check and decrement are one step"],
        "gateways": 20, "error_percent": 2, "concurrent_requests": 1000
      },
      "tests": [
        {"name": "shared-limit", "required": true,
          "scenario": "A key sends 50 requests through each of 20 gateways in a minute",
          "expect": "100 to 102 pass"},
        {"name": "race", "required": true,
          "scenario": "1,000 requests arrive in the same 10 ms with 10 tokens left",
          "expect": "Exactly 10 pass"},
        {"name": "clock-skew", "scenario": "Gateways' clocks differ by 2 seconds",
          "expect": "The limit still holds within 2 %"}
      ],
      "hints": ["Read, compare and write from the gateway leaves room for a race between them.",
        "Let the store do the arithmetic, with its own clock, in one atomic script."],
      "approach": "One atomic script per decision on the shard that owns the key, with the shard's
        clock; the gateways keep no state.",
      "minutes": 20
    },
    {
      "goal": "Decide what happens when the counter store is away, before it happens.",
      "requirements": {
        "functional": ["The API works when the store is down: fail open with a local limit",
          "A check takes 10 ms at most, whatever the store does"],
        "check_timeout_ms": 10, "availability_percent": 99.99, "local_limit_factor": 2
      },
      "tests": [
        {"name": "store-down", "required": true,
          "scenario": "The counter store is stopped for 5 minutes",
          "expect": "Requests pass under a local limit; an alert fires"},
        {"name": "store-slow", "scenario": "The store answers in 2 seconds",
          "expect": "Added latency stays below 10 ms"},
        {"name": "store-returns", "scenario": "The store comes back empty",
          "expect": "No key is locked out; limits hold again after a minute"}
      ],
      "hints": ["Is it worse to let too much through for five minutes, or nothing at all?",
        "Each gateway can enforce its share of the limit from its own memory."],
      "approach": "A timeout of 10 ms and a breaker around the store; behind it a local token bucket
        with twice the gateway's share; alerts on the fallback.",
      "minutes": 20
    },
    {
      "goal": "Bring the cost of a check under a millisecond and protect the store from hot keys.",
      "requirements": {
        "functional": ["Most requests are decided without a network call",
          "One key with 100,000 requests a second does not overload its shard"],
        "p99_added_ms": 1, "store_calls_percent": 10, "hot_key_per_second": 100000
      },
      "tests": [
        {"name": "local-decisions", "required": true,
          "scenario": "500,000 requests a second in normal traffic",
          "expect": "At most 10 % of them cause a call to the store"},
        {"name": "hot-key", "scenario": "One key attacks with 100,000 requests a second",
          "expect": "It is refused locally; its shard sees fewer than 100 calls a second"},
        {"name": "fair-after-change", "scenario": "A customer's limit is raised",
          "expect": "It applies everywhere within 10 seconds"}
      ],
      "hints": ["Fetch tokens in batches, and spend them locally.",
        "A key that is far over its limit can be refused from memory until its window ends."],
      "approach": "Gateways lease batches of tokens sized by recent rate, cache refusals until
        reset, and get rule changes by push.",
      "minutes": 25
    }
  ],
  "session-store": [
    {
      "goal": "Remember who is logged in between two requests to different web servers.",
      "requirements": {
        "functional": ["login returns a cookie; every later request knows its user; logout ends it",
          "A session ends after 30 minutes without a request"],
        "sessions": 500, "requests_per_second": 20, "idle_minutes": 30
      },
      "tests": [
        {"name": "two-servers", "required": true,
          "scenario": "Login at server A, next request at server B", "expect": "B knows the user"},
        {"name": "logout", "required": true, "scenario": "A cookie is used after logout",
          "expect": "401"},
        {"name": "idle", "scenario": "A request after 31 minutes of silence",
          "expect": "401, a new login is needed"}
      ],
      "hints": ["The cookie is a key, not the session: make it long and random.",
        "If the session lived in a web server's memory, what would server B see?"],
      "approach": "A random token of 128 bits in an HttpOnly cookie, the session under the token's
        hash in a shared store with a sliding TTL.",
      "minutes": 15
    },
    {
      "goal": "Ten million sessions, each looked up on every request.",
      "requirements": {
        "functional": ["Hold 10 million live sessions of 1 KB", "Look up 50,000 a second"],
        "sessions": 10000000, "memory_gb": 15, "requests_per_second": 50000, "p99_ms": 5
      },
      "tests": [
        {"name": "memory", "required": true, "scenario": "10 million sessions are created",
          "expect": "At most 15 GB including overhead"},
        {"name": "write-volume", "scenario": "Every request renews the idle timer",
          "expect": "At most one write per session and minute"}
      ],
      "hints": ["Must \"last seen\" be exact to the second?",
        "A session is found by its token only, so any shard is as good as another."],
      "approach": "An in-memory store sharded by token; the idle timer is renewed only when a minute
        has passed since the last renewal.",
      "minutes": 15
    },
    {
      "goal": "Two tabs change one session; an administrator throws a user out.",
      "requirements": {
        "functional": ["Two concurrent updates of a session both survive",
          "\"Log out everywhere\" holds from the next request on"],
        "concurrent_tabs": 5, "revocation_ms": 0
      },
      "tests": [
        {"name": "two-tabs", "required": true,
          "scenario": "Five tabs each add an item to the cart in the session",
          "expect": "The cart has five items"},
        {"name": "revoke-all", "required": true, "scenario": "A user with 4 sessions is revoked",
          "expect": "The very next request of each is 401"},
        {"name": "privilege-change", "scenario": "A user becomes an admin",
          "expect": "The token is renewed; the old one is worthless"}
      ],
      "hints": ["Writing the whole session back overwrites what the other tab has added.",
        "A counter per user that sessions must match revokes all of them with one write."],
      "approach": "Updates by field or with compare-and-set on a version; each session carries the
        user's generation, which a revocation raises.",
      "minutes": 20
    },
    {
      "goal": "A node of the store dies at noon: the users should not notice.",
      "requirements": {
        "functional": ["The loss of one node logs out at most 0.1 % of the users",
          "During a failover, reads work and renewals may be lost"],
        "availability_percent": 99.95, "lost_sessions_percent": 0.1, "failover_seconds": 15
      },
      "tests": [
        {"name": "node-loss", "required": true, "scenario": "A shard's primary is killed",
          "expect": "Its sessions answer from the replica within 15 seconds"},
        {"name": "restart-all", "scenario": "The whole store restarts",
          "expect": "Sessions come back from disk; at most the last second is missing"},
        {"name": "login-storm", "scenario": "A shard is lost for good",
          "expect": "Logins are queued, the password service is not overrun"}
      ],
      "hints": ["Asynchronous replication loses the last moments: is that a problem for a session?",
        "The login after an outage costs far more than a session read."],
      "approach": "A replica per shard in another zone, append-only persistence once a second,
        automatic failover, a limit on logins per second with a friendly wait.",
      "minutes": 20
    },
    {
      "goal": "Spare the lookup where you can without giving up revocation.",
      "requirements": {
        "functional": ["Nine of ten requests need no call to the store",
          "A revoked session is refused within 10 seconds"],
        "store_calls_percent": 10, "revocation_seconds": 10, "p99_added_ms": 1
      },
      "tests": [
        {"name": "signed-claims", "required": true, "scenario": "50,000 requests a second",
          "expect": "At most 5,000 store calls a second"},
        {"name": "revocation", "required": true, "scenario": "A session is revoked",
          "expect": "All servers refuse it within 10 seconds"},
        {"name": "key-rotation", "scenario": "The signing key is changed",
          "expect": "No user is logged out"}
      ],
      "hints": ["A signed token can be verified without asking anyone; for how long may you believe
          it?",
        "Push the few revocations to all servers rather than asking for each request."],
      "approach": "A signed token of a few minutes renewed from the session, a pushed list of
        revocations, two valid signing keys during rotation.",
      "minutes": 20
    }
  ],
  "pastebin": [
    {
      "goal": "Store a text snippet and give back a link under which everybody can read it.",
      "requirements": {
        "functional": ["POST /pastes takes up to 512 KB of text; GET /pastes/{id} returns it byte
            for byte",
          "A paste carries a title, a syntax and an optional time of expiry"],
        "max_paste_kb": 512, "requests_per_second": 5, "p99_ms": 300
      },
      "tests": [
        {"name": "round-trip", "required": true,
          "scenario": "A paste with tabs, emoji and CRLF is stored and read",
          "expect": "The same bytes come back"},
        {"name": "too-large", "scenario": "A paste of 600 KB is posted",
          "expect": "413, nothing is stored"}
      ],
      "hints": ["Which part of a paste is small and queried, and which is large and only fetched?",
        "Metadata fits into a table; let the text lie where large values are cheap."],
      "approach": "A row of metadata in a database and the text as one object under the paste's id;
        the server streams, it does not parse.",
      "minutes": 15
    },
    {
      "goal": "A million pastes a day: size the text store and keep the metadata small.",
      "requirements": {
        "functional": ["Take 1 million pastes a day with 10 KB on average, and 5 reads for each",
          "Plan for 3 years of pastes, 30 % of which expire"],
        "writes_per_second": 12, "reads_per_second": 60, "stored_tb": 8, "metadata_gb": 220
      },
      "tests": [
        {"name": "sizing", "required": true,
          "scenario": "The design names bytes per day and for 3 years",
          "expect": "10 GB a day, about 11 TB before expiry and 8 TB after"},
        {"name": "peak-hour", "scenario": "Five times the average load for an hour",
          "expect": "p99 of reads below 300 ms"}
      ],
      "hints": ["1,000,000 × 10 KB is 10 GB a day; compression of text gains a factor of 3 or
          more.",
        "A metadata row of 200 bytes is 50 times smaller than its text: they need not scale
          together."],
      "approach": "Object storage for compressed text, one relational database for about 1.1 billion
        small rows partitioned by month, so that expired months are dropped.",
      "minutes": 20
    },
    {
      "goal": "Text and metadata are two stores: readers must never see one without the other.",
      "requirements": {
        "functional": ["A link that was handed out always opens, at once",
          "An expired or deleted paste is gone for everybody at the same moment"],
        "orphan_share_percent": 0, "visible_after_ms": 0
      },
      "tests": [
        {"name": "crash-between-writes", "required": true,
          "scenario": "The server dies after the text was stored, before its row",
          "expect": "No reader sees the paste; the orphan text is swept within a day"},
        {"name": "delete-while-reading", "required": true,
          "scenario": "A paste is deleted during 100 reads",
          "expect": "Every answer is the full text or 404, none is half a text"},
        {"name": "expiry-boundary", "scenario": "A paste is read one second after its expiry",
          "expect": "404, even though the sweeper has not run"}
      ],
      "hints": ["Write what nobody can see first, and the pointer to it last.",
        "Expiry is a condition of the read; deleting bytes is only housekeeping."],
      "approach": "Store the text, then commit the row that makes it visible; check expires_at on
        every read; a sweeper deletes unreferenced texts.",
      "minutes": 20
    },
    {
      "goal": "Survive a lost disk, a slow object store and a flood of abuse.",
      "requirements": {
        "functional": ["Texts survive the loss of two disks or one zone",
          "When the object store is slow, metadata pages still work"],
        "durability_nines": 11, "availability_percent": 99.9, "timeout_ms": 800
      },
      "tests": [
        {"name": "zone-loss", "required": true, "scenario": "One of three zones goes dark",
          "expect": "Every paste stays readable"},
        {"name": "slow-store", "scenario": "The object store answers in 5 seconds",
          "expect": "Requests end after 800 ms with 503; threads do not pile up"},
        {"name": "flood", "scenario": "One address posts 1,000 pastes a minute",
          "expect": "It gets 429 after 20; others notice nothing"}
      ],
      "hints": ["Three copies or erasure coding: what does each cost per TB?",
        "A timeout without a limit on waiting requests only moves the queue."],
      "approach": "Replicated or erasure-coded objects over three zones, a timeout and a circuit
        breaker around the object store, limits per address.",
      "minutes": 20
    },
    {
      "goal": "Cut storage cost in half and serve popular pastes from memory.",
      "requirements": {
        "functional": ["Identical texts are stored once",
          "Pastes that nobody has read for 90 days move to cheaper storage"],
        "p99_ms": 50, "cost_reduction_percent": 50, "cache_hit_percent": 80
      },
      "tests": [
        {"name": "duplicate-text", "required": true,
          "scenario": "The same 100 KB log is posted 1,000 times",
          "expect": "One object is stored; deleting one paste leaves 999 readable"},
        {"name": "cold-read", "scenario": "A paste unread for 6 months is opened",
          "expect": "It opens in less than 2 seconds"},
        {"name": "front-page", "scenario": "A paste gets 5,000 reads a second",
          "expect": "The object store sees at most one of them a second"}
      ],
      "hints": ["A hash of the content is a name that duplicates share.",
        "If texts are shared, when may the last one be deleted? Count references or sweep."],
      "approach": "Content-addressed texts with reference sweeping, compression, a lifecycle rule
        into cold storage, and a cache in front with the paste's id as key.",
      "minutes": 25
    }
  ],
  "dns-resolver": [
    {
      "goal": "Answer the address of a name by walking from the root to the authoritative server.",
      "requirements": {
        "functional": ["Resolve A, AAAA and CNAME records",
          "A name that does not exist answers NXDOMAIN"],
        "queries_per_second": 10, "p99_ms": 1000
      },
      "tests": [
        {"name": "walks-the-tree", "required": true,
          "scenario": "www.example.org is asked for with an empty cache",
          "expect": "Root, org and example.org are asked in this order"},
        {"name": "cname-chain", "scenario": "A name with two CNAMEs",
          "expect": "The final address comes back with both CNAMEs"},
        {"name": "no-such-name", "scenario": "nothere.example.org is asked for",
          "expect": "NXDOMAIN, not a timeout"}
      ],
      "hints": ["Each server either knows the answer or who is closer to it.",
        "Set a bound on the length of a CNAME chain, or a loop will keep you busy for ever."],
      "approach": "An iterative resolver: start at the root hints, follow referrals, chase CNAMEs up
        to 8 steps, answer over UDP.",
      "minutes": 15
    },
    {
      "goal": "Serve a city: a hundred thousand queries a second from memory.",
      "requirements": {
        "functional": ["Cache by name and type for as long as the TTL says",
          "Fit 20 million records into the memory of one server"],
        "queries_per_second": 100000, "cached_records": 20000000, "memory_gb": 8,
        "cache_hit_percent": 90
      },
      "tests": [
        {"name": "repeated-name", "required": true,
          "scenario": "A name with a TTL of 300 is asked for 1,000 times in a minute",
          "expect": "One query leaves the resolver"},
        {"name": "eviction", "scenario": "30 million distinct names are asked for",
          "expect": "Memory stays under 8 GB and the least used go first"}
      ],
      "hints": ["Most queries ask for few names: how many of 100,000 a second leave the house at 90
          % hits?",
        "A record costs about 300 bytes with its overhead; do the sum."],
      "approach": "A sharded in-memory cache keyed by name and type with TTL expiry and an LRU
        bound; 10,000 queries a second go upstream.",
      "minutes": 20
    },
    {
      "goal": "Caches disagree by nature: bound for how long, and never accept a forged answer.",
      "requirements": {
        "functional": ["No record is served longer than its TTL, negative answers included",
          "An answer counts only when it matches the question, port and id that were sent"],
        "max_staleness_seconds": 300, "source_ports": 60000
      },
      "tests": [
        {"name": "ttl-honoured", "required": true, "scenario": "A record with a TTL of 300 changes",
          "expect": "The old address is served for at most 300 seconds"},
        {"name": "forged-answer", "required": true,
          "scenario": "10,000 spoofed answers with random ids arrive",
          "expect": "None enters the cache"},
        {"name": "negative-ttl", "scenario": "A name is created right after an NXDOMAIN",
          "expect": "It is found once the negative TTL has run out"}
      ],
      "hints": ["Negative answers are cached too: their TTL comes from the SOA record.",
        "Random ids have 16 bits only; what else can you randomise?"],
      "approach": "TTLs count down in the cache; answers must match id, random source port, question
        and bailiwick; signatures are validated where zones have them.",
      "minutes": 20
    },
    {
      "goal": "Keep answering while authoritative servers and one of your sites are down.",
      "requirements": {
        "functional": ["When all servers of a zone are dead, serve the last answer for up to a day",
          "Clients keep one address although a site fails"],
        "availability_percent": 99.999, "stale_hours": 24, "failover_seconds": 10
      },
      "tests": [
        {"name": "zone-outage", "required": true,
          "scenario": "All servers of a popular zone time out for an hour",
          "expect": "Its cached names are answered from stale records, with a TTL of 30"},
        {"name": "site-loss", "scenario": "One of three sites loses power",
          "expect": "Clients are answered by another within 10 seconds"},
        {"name": "retry-other-server", "scenario": "One of four servers of a zone is dead",
          "expect": "Queries move on after 300 ms"}
      ],
      "hints": ["An old address is mostly better than none: how long would you trust it?",
        "Anycast gives many sites one address; the routes withdraw when a site dies."],
      "approach": "Serve-stale with a short TTL, a smoothed round-trip time per authoritative server
        with quick failover, anycast over three sites.",
      "minutes": 20
    },
    {
      "goal": "Answer before the question hurts: refresh early and coalesce.",
      "requirements": {
        "functional": ["Popular names never expire under load",
          "Identical queries that wait are sent upstream once"],
        "p99_ms": 10, "cache_hit_percent": 98, "upstream_share_percent": 2
      },
      "tests": [
        {"name": "no-expiry-spike", "required": true,
          "scenario": "A name with 5,000 queries a second and a TTL of 30",
          "expect": "p99 stays below 10 ms at every expiry"},
        {"name": "coalesce", "scenario": "2,000 clients ask for the same cold name at once",
          "expect": "One query goes upstream, 2,000 answers come back"},
        {"name": "near-site", "scenario": "A client in Lima asks for a name with sites everywhere",
          "expect": "The answer suits Lima, not the resolver's own city"}
      ],
      "hints": ["Fetch again when a tenth of the TTL is left, but only if somebody still asks.",
        "Keep a map of questions under way; later askers wait for the first."],
      "approach": "Prefetch at 10 % of the TTL for names in use, coalescing of pending queries, and
        the client's subnet sent along where the zone uses it.",
      "minutes": 25
    }
  ],
  "like-counter": [
    {
      "goal": "Count the likes of a post: a user likes it once and can take it back.",
      "requirements": {
        "functional": ["like(user, post), unlike(user, post) and count(post)",
          "The count is right after each click"],
        "posts": 1000, "likes_per_second": 5, "p99_ms": 50
      },
      "tests": [
        {"name": "like-twice", "required": true, "scenario": "A user likes a post twice",
          "expect": "The count rises by one"},
        {"name": "unlike", "scenario": "A user likes and takes it back",
          "expect": "The count is what it was"}
      ],
      "hints": ["The truth is who likes what; the count follows from it.",
        "Let the key (post, user) refuse the second like."],
      "approach": "A table likes(post, user) with that as its primary key; count with an index, or
        keep a counter in the same transaction.",
      "minutes": 10
    },
    {
      "goal": "A billion likes: counting rows at every page view no longer works.",
      "requirements": {
        "functional": ["Show counts of 50 posts per page at 20,000 pages a second",
          "Take 10,000 likes a second"],
        "likes": 1000000000, "counts_read_per_second": 1000000, "likes_per_second": 10000
      },
      "tests": [
        {"name": "counter-read", "required": true, "scenario": "A page with 50 posts",
          "expect": "One round trip for all counts, p99 below 20 ms"},
        {"name": "storage", "scenario": "1 billion likes",
          "expect": "Rows of about 40 bytes, 80 to 120 GB with the index, sharded by post"}
      ],
      "hints": ["Reading outweighs writing a hundred to one: pay when writing.",
        "Fifty keys that live on many shards: fetch them together."],
      "approach": "A counter per post beside the likes, both sharded by post; counters in memory
        with multi-get.",
      "minutes": 15
    },
    {
      "goal": "A star's post gets 20,000 likes a second, and each must count once.",
      "requirements": {
        "functional": ["One post takes 20,000 likes a second",
          "After the storm the count equals the number of rows"],
        "likes_per_second_on_one_post": 20000, "final_error": 0
      },
      "tests": [
        {"name": "hot-post", "required": true,
          "scenario": "1,000,000 users like one post within 50 seconds",
          "expect": "The count is 1,000,000 when the dust has settled"},
        {"name": "retry", "required": true, "scenario": "5 % of the requests are retried",
          "expect": "No retry counts twice"},
        {"name": "own-like", "scenario": "A user likes and reloads at once",
          "expect": "Heart and count include it"}
      ],
      "hints": ["Twenty thousand updates of one row wait for one lock.",
        "Split the counter into slots, or collect for a second and add once."],
      "approach": "Idempotent inserts first; per-second aggregation of those that were new, added to
        one of 64 slots of the counter; the own like is overlaid for its user.",
      "minutes": 20
    },
    {
      "goal": "Counters drift: after crashes and lost messages the truth wins.",
      "requirements": {
        "functional": ["A crash at any point loses no like",
          "Drift is found and repaired within an hour"],
        "lost_likes": 0, "repair_minutes": 60, "availability_percent": 99.9
      },
      "tests": [
        {"name": "crash-before-add", "required": true,
          "scenario": "An aggregator dies after inserting likes, before adding them",
          "expect": "The count is repaired from the rows"},
        {"name": "counter-store-lost", "scenario": "The counters' memory is wiped",
          "expect": "Pages show counts again within 5 minutes"},
        {"name": "replay", "scenario": "The same batch of likes is processed twice",
          "expect": "The count does not change"}
      ],
      "hints": ["Which of the two stores could you rebuild from the other?",
        "Remember up to which offset a counter has been added, together with the counter."],
      "approach": "Likes are the log of truth; counters carry the offset they include, a job
        recounts the posts that changed, reads fall back to the last known count.",
      "minutes": 20
    },
    {
      "goal": "Is 1,283,401 better than 1.2M? Trade exactness for speed and money.",
      "requirements": {
        "functional": ["Counts above 10,000 may be 1 % off and 5 seconds old",
          "Memory per idle post is zero"],
        "error_percent": 1, "staleness_seconds": 5, "p99_ms": 5, "memory_gb": 20
      },
      "tests": [
        {"name": "served-from-edge", "required": true,
          "scenario": "A viral post with 300,000 views a second",
          "expect": "Count reads reach the origin at most once a second and site"},
        {"name": "idle-posts", "scenario": "900 million posts without a like this month",
          "expect": "They hold no memory"},
        {"name": "small-counts", "scenario": "A post with 3 likes", "expect": "The count is exact"}
      ],
      "hints": ["What a user can see is three digits.",
        "Cache for as long as it takes to change what is displayed."],
      "approach": "Rounded counts cached at the edge with a TTL that grows with the count, exact
        counts for small ones, hot counters in memory and cold ones on disk.",
      "minutes": 20
    }
  ],
  "uptime-monitor": [
    {
      "goal": "Call a list of web addresses every minute and tell the owner when one is down.",
      "requirements": {
        "functional": ["Check status code and duration of 50 addresses each minute",
          "Mail the owner when a check fails, and when it works again"],
        "checks": 50, "interval_seconds": 60, "timeout_seconds": 10
      },
      "tests": [
        {"name": "down-and-up", "required": true,
          "scenario": "An address answers 500 for 5 minutes",
          "expect": "One mail at the beginning, one at the end"},
        {"name": "timeout", "scenario": "A server accepts the connection and says nothing",
          "expect": "Down after 10 seconds; others are checked on time"}
      ],
      "hints": ["Fifty checks one after another with a timeout of 10 seconds: how long might that
          take?",
        "Mail on a change of state, not on each result."],
      "approach": "A scheduler with concurrent checks and hard timeouts, a state per address,
        notifications when the state changes.",
      "minutes": 10
    },
    {
      "goal": "A hundred thousand addresses, from five continents.",
      "requirements": {
        "functional": ["100,000 checks a minute from 5 places each", "Keep results for 90 days"],
        "checks_per_second": 8300, "results_per_day": 720000000, "retention_days": 90
      },
      "tests": [
        {"name": "spread", "required": true, "scenario": "All checks are due each minute",
          "expect": "They are spread evenly: no second has more than 10,000"},
        {"name": "storage", "scenario": "90 days of results",
          "expect": "About 65 billion; rolled up per minute and hour after 2 days"}
      ],
      "hints": ["Give each address an offset in the minute that follows from its id.",
        "Nobody looks at single results of last month."],
      "approach": "Check agents per region that own shards of the addresses, offsets by hash, a time
        series store with rollups and expiry.",
      "minutes": 20
    },
    {
      "goal": "One place says down, four say up: whom do you believe?",
      "requirements": {
        "functional": ["Down means that 3 of 5 places agree within 2 minutes",
          "A state changes once, however many results arrive"],
        "regions": 5, "quorum": 3, "false_alarms_per_year": 1
      },
      "tests": [
        {"name": "one-region-blind", "required": true, "scenario": "One region loses its network",
          "expect": "No alert for any address"},
        {"name": "results-out-of-order", "required": true,
          "scenario": "A result of 12:00 arrives after that of 12:01",
          "expect": "The state is that of 12:01"},
        {"name": "flapping", "scenario": "An address fails every second check",
          "expect": "One \"unstable\" message instead of thirty"}
      ],
      "hints": ["The checker's own network fails more often than you think.",
        "Decide by the time of the check, not of the arrival."],
      "approach": "A state machine per address over the latest result of each region with quorum,
        hold times, and results ordered by time of check.",
      "minutes": 20
    },
    {
      "goal": "Who watches the watcher? Keep alerts coming while parts of the monitor are dead.",
      "requirements": {
        "functional": ["The loss of a region or of the database does not silence alerts",
          "An alert leaves within 3 minutes in any case"],
        "availability_percent": 99.99, "alert_minutes": 3, "missed_alerts": 0
      },
      "tests": [
        {"name": "database-down", "required": true,
          "scenario": "The results' database is away for an hour",
          "expect": "Alerts go out; results are stored later"},
        {"name": "agent-dies", "scenario": "An agent with 20,000 addresses dies",
          "expect": "Others take over its shards within 60 seconds"},
        {"name": "dead-man", "scenario": "The whole monitor stops",
          "expect": "An outside watch raises an alarm after 3 minutes"}
      ],
      "hints": ["Alerting needs the present state only: it fits into memory.",
        "A heartbeat to somebody else is the one alarm that you cannot send yourself."],
      "approach": "Evaluation on a stream with state in memory and replicas, buffered writes, leases
        on shards, a heartbeat to an independent service.",
      "minutes": 20
    },
    {
      "goal": "Check more often where it matters and pay less elsewhere.",
      "requirements": {
        "functional": ["Detection within 20 seconds for premium addresses",
          "Status pages take 50,000 readers a second in an outage"],
        "detection_seconds": 20, "page_reads_per_second": 50000, "cost_reduction_percent": 30
      },
      "tests": [
        {"name": "adaptive", "required": true, "scenario": "A premium address fails once",
          "expect": "It is checked again from 3 places within 5 seconds"},
        {"name": "status-page", "scenario": "A large customer is down and 50,000 readers come",
          "expect": "Static pages from the edge, at most 10 seconds old"},
        {"name": "reuse", "scenario": "10,000 checks of one host",
          "expect": "DNS and TLS sessions are reused where the check allows it"}
      ],
      "hints": ["Suspicion is a reason to look closer at once.",
        "A status page changes rarely and is read by everyone at the same time."],
      "approach": "Confirmation checks on suspicion, intervals by plan, status pages published as
        static files at the edge, reuse of connections.",
      "minutes": 20
    }
  ],
  "thumbnail-service": [
    {
      "goal": "Turn an uploaded picture into three sizes that a page can show.",
      "requirements": {
        "functional": ["Accept JPEG, PNG and WebP up to 20 MB; make widths 160, 480 and 1280",
          "The upload returns before the sizes are made"],
        "uploads_per_minute": 10, "max_mb": 20, "ready_seconds": 10
      },
      "tests": [
        {"name": "three-sizes", "required": true, "scenario": "A photo of 4000 × 3000 pixels",
          "expect": "Three thumbnails with the right ratio and orientation"},
        {"name": "not-a-picture", "scenario": "A PDF named \"cat.jpg\"",
          "expect": "It is refused by its content"},
        {"name": "bomb", "scenario": "A PNG of 50,000 × 50,000 pixels in 200 KB",
          "expect": "It is refused before it is decoded"}
      ],
      "hints": ["Trust the first bytes, not the name; read the dimensions before the pixels.",
        "What does the page show in the seconds before the thumbnails exist?"],
      "approach": "Upload to object storage, a job per picture, a worker that checks format and
        dimensions, turns by EXIF, resizes and stores under predictable names.",
      "minutes": 15
    },
    {
      "goal": "Three hundred uploads a second, and as much processor time as they need.",
      "requirements": {
        "functional": ["Process 300 pictures a second of 3 MB",
          "Ready within 10 seconds at the 95th percentile"],
        "uploads_per_second": 300, "ingress_gbit": 7, "cpu_ms_per_picture": 400,
        "ready_p95_seconds": 10
      },
      "tests": [
        {"name": "capacity", "required": true, "scenario": "The design computes its workers",
          "expect": "300 × 0.4 s is 120 busy cores, plus a reserve"},
        {"name": "peak", "scenario": "900 uploads a second for 5 minutes",
          "expect": "The queue grows and is drained within 15 minutes; uploads do not fail"}
      ],
      "hints": ["Work per second times seconds of work is the number of busy cores.",
        "Let clients upload straight to object storage; your servers need not carry 7 Gbit/s."],
      "approach": "Signed uploads to object storage, events into a queue, workers on 160 cores
        scaled by queue age, scaling while decoding.",
      "minutes": 20
    },
    {
      "goal": "A picture is replaced while its thumbnails are being made.",
      "requirements": {
        "functional": ["Thumbnails never mix two versions of a picture",
          "Making one twice does no harm"],
        "mixed_versions": 0
      },
      "tests": [
        {"name": "replace-during-work", "required": true,
          "scenario": "Version 2 is uploaded while version 1 is processed",
          "expect": "In the end all three sizes show version 2"},
        {"name": "double-event", "required": true, "scenario": "The upload event arrives twice",
          "expect": "The same three files, no error"}
      ],
      "hints": ["Names that contain the version cannot be overwritten by a late worker.",
        "Switch the pointer only when all sizes of a version are there."],
      "approach": "Content-hashed, immutable names per version; the picture's row switches to a
        version when its last size is stored, and only forward.",
      "minutes": 15
    },
    {
      "goal": "Broken pictures, dying workers, a library that crashes: contain it.",
      "requirements": {
        "functional": ["A picture that crashes a worker three times is set aside",
          "No upload is forgotten"],
        "attempts": 3, "lost_uploads": 0, "availability_percent": 99.9
      },
      "tests": [
        {"name": "crashing-picture", "required": true,
          "scenario": "A crafted file kills the decoder",
          "expect": "Set aside after 3 attempts; others go on"},
        {"name": "lost-event", "scenario": "1 % of the upload events get lost",
          "expect": "A sweep finds pictures without thumbnails within 15 minutes"},
        {"name": "decoder-exploit", "scenario": "The decoder runs foreign code",
          "expect": "It has no network, no secrets and 512 MB of memory"}
      ],
      "hints": ["A decoder that reads strangers' files deserves a cage.",
        "Events are a shortcut; the list of uploads is the truth."],
      "approach": "Sandboxed decoder processes with limits of memory and time, a counter of attempts
        with quarantine, a periodic reconciliation.",
      "minutes": 20
    },
    {
      "goal": "Twenty more sizes are wanted, and most are never looked at.",
      "requirements": {
        "functional": ["Make rare sizes on the first request, within 300 ms",
          "Send the smallest format that the browser understands"],
        "first_view_ms": 300, "bytes_saved_percent": 40, "storage_saved_percent": 60
      },
      "tests": [
        {"name": "on-demand", "required": true,
          "scenario": "A size is asked for that does not exist",
          "expect": "It comes within 300 ms and is stored at the edge"},
        {"name": "coalesce", "scenario": "1,000 clients ask for the same missing size",
          "expect": "It is made once"},
        {"name": "size-attack", "scenario": "Random widths are asked for",
          "expect": "Only the listed widths are made"}
      ],
      "hints": ["Storing 20 sizes of a picture that nobody sees costs more than making one now and
          then.",
        "Start from the 1280 version: the original is far larger than you need."],
      "approach": "On-demand resizing behind the CDN from a middle-sized master, a list of allowed
        sizes, AVIF or WebP by Accept header, coalescing at the origin shield.",
      "minutes": 25
    }
  ],
  "webhook-delivery": [
    {
      "goal": "Tell a customer's server about an order by an HTTP call that it can trust.",
      "requirements": {
        "functional": ["Each event is posted as JSON to the address that the customer registered",
          "The body is signed, so that the receiver can verify it"],
        "events_per_minute": 10, "endpoints": 20, "timeout_seconds": 10
      },
      "tests": [
        {"name": "signed-post", "required": true, "scenario": "An order is paid",
          "expect": "The endpoint gets the event with a valid HMAC signature and timestamp"},
        {"name": "refuses-internal-address",
          "scenario": "An endpoint \"http://169.254.169.254/\" is registered",
          "expect": "It is refused"}
      ],
      "hints": ["What would an attacker do with a service that posts to any address?",
        "Sign the timestamp along with the body, so that an old message cannot be replayed."],
      "approach": "An endpoints table with a secret each; POST with HMAC over timestamp and body;
        private address ranges are refused after resolving the name.",
      "minutes": 15
    },
    {
      "goal": "Five thousand events a second to receivers that answer when they like.",
      "requirements": {
        "functional": ["Deliver 5,000 events a second to 30,000 endpoints",
          "An endpoint that takes 10 seconds does not slow down another"],
        "events_per_second": 5000, "endpoints": 30000, "delivery_p95_seconds": 5
      },
      "tests": [
        {"name": "slow-endpoint", "required": true,
          "scenario": "1 % of the endpoints take 10 seconds",
          "expect": "Others get their events within 5 seconds (p95)"},
        {"name": "connections", "scenario": "5,000 events a second with 500 ms on average",
          "expect": "About 2,500 calls are open at once; the design names them"}
      ],
      "hints": ["Arrival rate times duration is the number of calls in flight.",
        "A queue for all lets the slow ones fill every worker."],
      "approach": "Asynchronous HTTP senders fed by a partitioned queue, a cap of calls in flight
        per endpoint, the rest of its events wait in its own queue.",
      "minutes": 20
    },
    {
      "goal": "An order's events arrive once too often or in the wrong order: make both harmless.",
      "requirements": {
        "functional": ["Every event has an id that is the same on each attempt",
          "Events of one order are delivered in order, as long as its endpoint answers"],
        "duplicate_id_changes": 0, "delivery": "at least once"
      },
      "tests": [
        {"name": "lost-answer", "required": true,
          "scenario": "The endpoint takes the event, its answer is lost",
          "expect": "It comes again under the same id"},
        {"name": "order-of-events", "required": true,
          "scenario": "\"paid\" and \"shipped\" of an order, \"paid\" fails once",
          "expect": "\"shipped\" is not delivered before \"paid\""},
        {"name": "committed-only",
          "scenario": "The transaction that raised an event is rolled back",
          "expect": "No event is sent"}
      ],
      "hints": ["Exactly once over HTTP is not to be had; what can the receiver do with an id?",
        "Write the event in the transaction of the change: an outbox."],
      "approach": "A transactional outbox, a stable event id in a header, one delivery in flight per
        order key, sequence numbers in the event.",
      "minutes": 20
    },
    {
      "goal": "An endpoint is down for two days: lose nothing, and do not hammer it.",
      "requirements": {
        "functional": ["Retry for 72 hours with growing pauses, then park the event and write a
            mail",
          "A dead endpoint is tried rarely, and caught up with gently"],
        "retry_hours": 72, "max_pause_minutes": 60, "catch_up_per_second": 50
      },
      "tests": [
        {"name": "two-days-down", "required": true,
          "scenario": "An endpoint is down for 48 hours and comes back",
          "expect": "It gets all its events, at most 50 a second"},
        {"name": "park", "scenario": "An endpoint answers 500 for 73 hours",
          "expect": "Events are parked and listed; the customer is told"},
        {"name": "redeliver", "scenario": "The customer asks for yesterday's events again",
          "expect": "They are sent with their old ids"}
      ],
      "hints": ["A million retries at the moment of return will kill it again.",
        "A breaker per endpoint tries one event, and lets the others wait."],
      "approach": "Backoff from 10 seconds to an hour with jitter, a circuit breaker per endpoint,
        parked events with redelivery, rate-limited catching up.",
      "minutes": 25
    },
    {
      "goal": "Halve the cost per event and show the customers what happens.",
      "requirements": {
        "functional": ["Reuse connections and offer batches",
          "Customers see each attempt with status and duration within 10 seconds"],
        "cost_reduction_percent": 50, "log_delay_seconds": 10, "log_days": 30
      },
      "tests": [
        {"name": "batches", "required": true, "scenario": "An endpoint opts for batches of 100",
          "expect": "10,000 events need about 100 calls"},
        {"name": "attempt-log", "scenario": "A delivery fails",
          "expect": "The customer sees request, status and duration 10 seconds later"},
        {"name": "filters", "scenario": "An endpoint wants \"order.*\" only",
          "expect": "Other events cause no call"}
      ],
      "hints": ["A TLS handshake costs more than the body.",
        "Attempts are many and rarely read: keep them in cheap, expiring storage."],
      "approach": "Keep-alive pools per endpoint, filters before the queue, opt-in batches, attempts
        in a store partitioned by day that is dropped after 30 days.",
      "minutes": 20
    }
  ],
  "leaderboard": [
    {
      "goal": "Show the ten best players of a game and everyone's own place.",
      "requirements": {
        "functional": ["add(player, points), top(10), rank(player)", "Equal scores share a rank"],
        "players": 10000, "updates_per_second": 10, "p99_ms": 50
      },
      "tests": [
        {"name": "top-ten", "required": true, "scenario": "10,000 players with random scores",
          "expect": "The ten highest, in order"},
        {"name": "ties", "scenario": "Scores 90, 80, 80, 70", "expect": "Ranks 1, 2, 2, 4"}
      ],
      "hints": ["An index by score gives the top for free; does it give the rank, too?",
        "A rank is one plus the number of players with a higher score."],
      "approach": "A table player, score with an index on score; the rank is a count of higher
        scores.",
      "minutes": 10
    },
    {
      "goal": "Twenty-five million players: the rank of number 17,000,000 in milliseconds.",
      "requirements": {
        "functional": ["rank(player) needs no scan of those before",
          "Take 20,000 score updates a second"],
        "players": 25000000, "updates_per_second": 20000, "rank_p99_ms": 10, "memory_gb": 4
      },
      "tests": [
        {"name": "rank-deep", "required": true, "scenario": "The rank of a player in the middle",
          "expect": "Below 10 ms"},
        {"name": "memory", "scenario": "25 million players in a sorted structure",
          "expect": "About 100 bytes each: it fits into 4 GB"}
      ],
      "hints": ["Counting 17 million index entries is no way to find a place.",
        "A skip list that knows the width of its links finds ranks in logarithmic time."],
      "approach": "A sorted set with ranks (skip list with spans) in memory, about 25 comparisons a
        lookup, persisted from the score events.",
      "minutes": 20
    },
    {
      "goal": "Points arrive twice, late and at the same time: the score stays right.",
      "requirements": {
        "functional": ["An event with the same id counts once",
          "A board of the week contains exactly the events of that week"],
        "duplicates_percent": 3, "late_minutes": 60
      },
      "tests": [
        {"name": "duplicate-event", "required": true,
          "scenario": "3 % of 1,000,000 events come twice",
          "expect": "Scores equal the sum of distinct events"},
        {"name": "two-at-once", "required": true,
          "scenario": "Two matches of a player end in the same millisecond",
          "expect": "Both are added"},
        {"name": "late-event", "scenario": "An event of Sunday 23:59 arrives on Monday 00:20",
          "expect": "It counts for last week"}
      ],
      "hints": ["Add, do not set: additions commute.",
        "The week is a property of the event, not of its arrival."],
      "approach": "An idempotent ledger of score events keyed by event id; boards keyed by the
        event's period are projections with atomic increments.",
      "minutes": 20
    },
    {
      "goal": "The machine with the board dies one minute before the tournament ends.",
      "requirements": {
        "functional": ["No score that was confirmed is lost",
          "The board is back within 60 seconds"],
        "recovery_seconds": 60, "lost_events": 0, "availability_percent": 99.95
      },
      "tests": [
        {"name": "board-dies", "required": true,
          "scenario": "The board's memory is lost under 20,000 updates a second",
          "expect": "Rebuilt within 60 seconds, equal to the ledger"},
        {"name": "frozen-final", "scenario": "The tournament ends at 18:00 during the outage",
          "expect": "The final ranks are computed up to 18:00 exactly"},
        {"name": "stale-reads", "scenario": "During the rebuild",
          "expect": "The last snapshot is shown with its time"}
      ],
      "hints": ["What is the board made of, and how quickly can it be read again?",
        "A snapshot every minute leaves a minute of events to replay."],
      "approach": "A durable event log as truth, snapshots with the log's offset, a warm replica,
        replay from the snapshot.",
      "minutes": 20
    },
    {
      "goal": "A hundred boards per player: friends, country, week. Make each cheap.",
      "requirements": {
        "functional": ["Friends' boards for 300 friends in 10 ms, without storing one per player",
          "Ranks below the top 10,000 may be approximate"],
        "friends": 300, "p99_ms": 10, "error_percent": 1, "memory_reduction_percent": 70
      },
      "tests": [
        {"name": "friends-board", "required": true, "scenario": "A player with 300 friends",
          "expect": "One multi-get and a sort, below 10 ms"},
        {"name": "approximate", "scenario": "The rank of number 17,000,000",
          "expect": "Within 1 % from a histogram of scores"},
        {"name": "hot-top", "scenario": "200,000 reads of the top ten a second",
          "expect": "Served from a copy that is a second old"}
      ],
      "hints": ["Three hundred scores can be sorted at read time.",
        "A histogram with a thousand buckets tells most places well enough."],
      "approach": "Exact order for the top 10,000 only, a histogram of scores for the others,
        friends at read time, the top cached for a second.",
      "minutes": 25
    }
  ],
  "typeahead": [
    {
      "goal": "Suggest five completions while somebody types into a search box.",
      "requirements": {
        "functional": ["For a prefix, the five most searched phrases that begin with it",
          "Upper and lower case do not matter"],
        "phrases": 50000, "requests_per_second": 20, "p99_ms": 100
      },
      "tests": [
        {"name": "top-five", "required": true,
          "scenario": "Prefix \"ca\" over 50,000 phrases with counts",
          "expect": "The five with the highest counts, in order"},
        {"name": "no-match", "scenario": "Prefix \"qzx\"", "expect": "An empty list, at once"}
      ],
      "hints": ["In a sorted list, all phrases with one prefix are neighbours.",
        "A trie finds the prefix quickly; who finds the best five below it?"],
      "approach": "A trie in memory, built from counts at the start; each node keeps its five best
        phrases.",
      "minutes": 15
    },
    {
      "goal": "Ten million phrases and sixty thousand keystrokes a second.",
      "requirements": {
        "functional": ["10 million phrases of 20 bytes on average", "Answer each keystroke"],
        "phrases": 10000000, "requests_per_second": 60000, "p99_ms": 50, "memory_gb": 8
      },
      "tests": [
        {"name": "memory", "required": true, "scenario": "All phrases with the five best per node",
          "expect": "At most 8 GB per copy, or sharded by prefix"},
        {"name": "load", "scenario": "60,000 requests a second", "expect": "p99 below 50 ms"}
      ],
      "hints": ["Storing five references per node is cheaper than searching below it.",
        "Shards by first letter are uneven: \"s\" is not \"x\". Split by measured weight."],
      "approach": "Compressed tries with precomputed top lists, shards by ranges of prefixes with
        equal weight, several copies of each.",
      "minutes": 20
    },
    {
      "goal": "New counts arrive all the time, and readers must never see half a trie.",
      "requirements": {
        "functional": ["A phrase that trends is suggested within 15 minutes",
          "Each answer comes from one version of the data"],
        "freshness_minutes": 15, "mixed_versions": 0
      },
      "tests": [
        {"name": "trending", "required": true,
          "scenario": "A phrase goes from 0 to 1,000,000 searches within 10 minutes",
          "expect": "It is suggested after 15 minutes at the latest"},
        {"name": "swap", "required": true, "scenario": "A new version is loaded under load",
          "expect": "No error, no mixture, no pause above 50 ms"},
        {"name": "removed-phrase", "scenario": "A phrase is blocked by the editors",
          "expect": "It is gone from all servers within a minute"}
      ],
      "hints": ["Build anew and swap the pointer; do not edit what others read.",
        "A small overlay of recent phrases can be merged with the large list at reading."],
      "approach": "Hourly immutable snapshots swapped atomically, a small overlay of the last
        minutes from the stream, a block list applied at reading.",
      "minutes": 20
    },
    {
      "goal": "A search box without suggestions is annoying; one that hangs is worse.",
      "requirements": {
        "functional": ["When suggestions fail, the search box works on",
          "A bad snapshot never reaches all servers"],
        "availability_percent": 99.9, "timeout_ms": 80, "rollback_minutes": 5
      },
      "tests": [
        {"name": "bad-snapshot", "required": true,
          "scenario": "A build with half of the phrases is published",
          "expect": "The first server's checks refuse it; the old one stays"},
        {"name": "shard-down", "scenario": "All copies of the shard \"s\" are dead",
          "expect": "Other letters work; \"s\" gives no suggestions, without an error"},
        {"name": "slow-shard", "scenario": "One copy answers in 2 seconds",
          "expect": "After 80 ms another copy is asked or nothing is shown"}
      ],
      "hints": ["Compare a new snapshot with the old one before you believe it.",
        "Suggestions are a luxury: end the wait early."],
      "approach": "Snapshots with checks of size and known answers, canary rollout, hedged requests,
        an empty answer as fallback.",
      "minutes": 20
    },
    {
      "goal": "Answer before the next key is pressed, and send fewer requests.",
      "requirements": {
        "functional": ["90 % of the requests never reach your servers",
          "Suggestions suit language and region"],
        "p99_ms": 20, "edge_hit_percent": 90, "requests_saved_percent": 50
      },
      "tests": [
        {"name": "edge-cache", "required": true, "scenario": "Normal typing of 100,000 users",
          "expect": "90 % of the prefixes are answered by browser or edge"},
        {"name": "debounce", "scenario": "A user types ten letters in a second",
          "expect": "At most 4 requests"},
        {"name": "regional", "scenario": "\"foot\" in London and in Boston",
          "expect": "Different lists from the same service"}
      ],
      "hints": ["Prefixes of up to three letters are few, and nearly all traffic.",
        "The client has the list for \"ca\": what does it know about \"cat\"?"],
      "approach": "Short prefixes cached at the edge for minutes, debouncing and filtering in the
        client, a blend of global and regional top lists.",
      "minutes": 25
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
