-- The five levels of each challenge of the track concepts. Long texts go on in the next line: a
-- line break and the blanks after it are read as one blank. The n-th hint costs 5 × n XP; the
-- names of the required tests are the level's must_pass.
select learn_internal.use_product('progressive_flow');

with document(levels) as (
  select regexp_replace($json$
{
  "message-queue": [
    {
      "goal": "Decouple orders from e-mails: publish to a topic, read at one's own pace.",
      "requirements": {
        "functional": ["publish(topic, message), and consumers that read in order from a position",
          "A consumer that comes back continues where it was"],
        "topics": 5, "messages_per_second": 100, "p99_ms": 20
      },
      "tests": [
        {"name": "resume", "required": true,
          "scenario": "A consumer reads 500 of 1,000 messages, stops and starts",
          "expect": "It continues with number 501"},
        {"name": "two-consumers", "scenario": "Mail and statistics read the same topic",
          "expect": "Each sees all 1,000 messages"}
      ],
      "hints": ["If reading does not remove messages, how does a reader know where it is?",
        "An append-only file and an offset per reader are enough."],
      "approach": "A log per topic on disk; consumers keep offsets and commit them; old segments are
        deleted by age.",
      "minutes": 15
    },
    {
      "goal": "A million messages a second, kept for a week.",
      "requirements": {
        "functional": ["Take 1 million messages of 1 KB a second with 3 copies", "Keep 7 days"],
        "messages_per_second": 1000000, "write_gb_per_second": 3, "stored_pb": 1.8,
        "retention_days": 7
      },
      "tests": [
        {"name": "sizing", "required": true, "scenario": "The design adds up disks and network",
          "expect": "1 GB/s in, 3 GB/s written, 1.8 PB for 7 days"},
        {"name": "partitions", "scenario": "A topic with 200 partitions",
          "expect": "Throughput grows with consumers up to 200"}
      ],
      "hints": ["One log is written by one machine: split the topic.",
        "Sequential writes and batches make disks fast; random ones make them slow."],
      "approach": "Topics split into partitions by hash of the key, batches with compression,
        sequential segments, zero-copy reads.",
      "minutes": 20
    },
    {
      "goal": "Order, duplicates and the moment of the commit.",
      "requirements": {
        "functional": ["Messages with one key are read in the order in which they were accepted",
          "A producer's retry does not append twice"],
        "duplicates": 0, "reordered_per_key": 0
      },
      "tests": [
        {"name": "producer-retry", "required": true,
          "scenario": "The acknowledgement is lost, the producer sends again",
          "expect": "The log has the message once"},
        {"name": "order-per-key", "required": true, "scenario": "10,000 updates of one account",
          "expect": "Read in the order of their acceptance"},
        {"name": "rebalance", "scenario": "A consumer is added in the middle of a batch",
          "expect": "No message is skipped; at most the uncommitted ones come again"}
      ],
      "hints": ["Number the producer's messages; the partition remembers the last number.",
        "Commit the offset together with the effect, or make the effect repeatable."],
      "approach": "A sequence number per producer and partition, one consumer per partition and
        group with generations, offsets stored with the results.",
      "minutes": 25
    },
    {
      "goal": "Brokers die, disks fill, and acknowledged messages stay.",
      "requirements": {
        "functional": ["What was acknowledged survives the loss of any one broker",
          "A dead leader is replaced within 10 seconds"],
        "replicas": 3, "min_in_sync": 2, "failover_seconds": 10, "lost_messages": 0
      },
      "tests": [
        {"name": "leader-dies", "required": true, "scenario": "A leader is killed at full load",
          "expect": "Its followers take over in 10 seconds; no acknowledged message is missing"},
        {"name": "unclean-election", "required": true, "scenario": "Only a lagging replica is left",
          "expect": "The partition stops rather than lose messages"},
        {"name": "slow-consumer", "scenario": "A consumer stands still for 8 days",
          "expect": "It is told that its position is gone; others do not notice"}
      ],
      "hints": ["Acknowledge when enough replicas have it: how many is enough?",
        "A follower that lags must not become the leader."],
      "approach": "Leader and followers per partition, an in-sync set with a minimum of 2, leader
        epochs, a controller by consensus, quotas.",
      "minutes": 25
    },
    {
      "goal": "Ten milliseconds end to end, and old data on cheap storage.",
      "requirements": {
        "functional": ["Publish to read within 10 ms at the 99th percentile",
          "Keep 90 days at a quarter of the cost per GB"],
        "p99_ms": 10, "retention_days": 90, "cost_reduction_percent": 75
      },
      "tests": [
        {"name": "latency", "required": true, "scenario": "500,000 messages a second",
          "expect": "p99 from publish to read below 10 ms"},
        {"name": "replay", "scenario": "A consumer reads 30 days from the start",
          "expect": "Others' latency stays; reads come from the cold tier"},
        {"name": "fan-out", "scenario": "50 groups read the same topic",
          "expect": "The disks read each byte about once"}
      ],
      "hints": ["Batching trades latency for throughput: bound it by time, too.",
        "Readers at the tail find everything in the page cache."],
      "approach": "Small time-bounded batches, tail reads from the page cache, closed segments
        offloaded to object storage, quotas for replays.",
      "minutes": 25
    }
  ],
  "distributed-cache": [
    {
      "goal": "Share one cache among ten application servers.",
      "requirements": {
        "functional": ["get, set with TTL and delete over the network",
          "Clients find the right one of three nodes on their own"],
        "nodes": 3, "requests_per_second": 1000, "p99_ms": 3
      },
      "tests": [
        {"name": "shared", "required": true, "scenario": "Server 1 sets a key, server 7 reads it",
          "expect": "It reads the value"},
        {"name": "ttl", "scenario": "A key with a TTL of 10 s is read after 11 s",
          "expect": "A miss"}
      ],
      "hints": ["If clients agree on a function of the key, nobody needs to be asked.",
        "Batch gets: fifty keys need not be fifty round trips."],
      "approach": "Nodes that know nothing of each other, and a client library that hashes keys to
        nodes, pools connections and batches.",
      "minutes": 15
    },
    {
      "goal": "Two terabytes of memory and three million requests a second.",
      "requirements": {
        "functional": ["Spread 2 TB over nodes of 64 GB with growth by single nodes",
          "No node above 70 % of its processor or memory"],
        "memory_tb": 2, "nodes": 48, "requests_per_second": 3000000, "p99_ms": 2
      },
      "tests": [
        {"name": "balance", "required": true, "scenario": "4 billion keys over 48 nodes",
          "expect": "Fullest and emptiest differ by at most 15 %"},
        {"name": "add-node", "scenario": "A 49th node joins under load",
          "expect": "About 2 % of the keys move; the hit rate stays above 90 %"}
      ],
      "hints": ["2 TB at 70 % of 64 GB is 45 nodes; what else has to fit?",
        "Virtual nodes even out the ring."],
      "approach": "Consistent hashing with 150 virtual nodes each, slab allocation against
        fragmentation, one thread per shard of memory.",
      "minutes": 20
    },
    {
      "goal": "Cache and database are two truths: bound the difference.",
      "requirements": {
        "functional": ["After an update, at most 1 of 1,000,000 reads sees the old value after a
            second",
          "A counter in the cache loses no increment"],
        "stale_reads_per_million": 1, "window_ms": 1000
      },
      "tests": [
        {"name": "race-fill", "required": true,
          "scenario": "A reader's late fill meets a writer's delete",
          "expect": "The old value is not left in the cache"},
        {"name": "increments", "required": true,
          "scenario": "100 clients increment a key 10,000 times each", "expect": "1,000,000"},
        {"name": "two-regions", "scenario": "An update in one region, a read in the other",
          "expect": "Fresh within 2 seconds"}
      ],
      "hints": ["Hand out a lease on a miss: a delete makes it void.",
        "Who sends the delete when the application dies after its commit? The database's log
          knows."],
      "approach": "Leases on misses, invalidation driven by the database's change log, atomic
        commands on the node that owns the key.",
      "minutes": 25
    },
    {
      "goal": "A node dies, the network splits: the database must stay up.",
      "requirements": {
        "functional": ["The loss of a node costs at most 3 % of hits, for at most 5 minutes",
          "Clients never disagree for long about who owns a key"],
        "hit_loss_percent": 3, "recovery_minutes": 5, "availability_percent": 99.95
      },
      "tests": [
        {"name": "node-dies", "required": true, "scenario": "One of 48 nodes dies at peak",
          "expect": "The database's load rises by no more than 30 %; p99 stays below 20 ms"},
        {"name": "split-view", "required": true,
          "scenario": "Half of the clients lose sight of one node",
          "expect": "Both halves get the same ring within 10 seconds"},
        {"name": "flapping-node", "scenario": "A node comes and goes each minute",
          "expect": "It stays out until it has been healthy for 5 minutes"}
      ],
      "hints": ["A pool of spare nodes that takes over misses gently (a gutter) protects the
          database.",
        "One authority for membership, many readers of it."],
      "approach": "Membership with versions from a coordination service, a gutter pool with short
        TTLs, replicas for the hottest shards.",
      "minutes": 20
    },
    {
      "goal": "Half a millisecond, hot keys and half the memory bill.",
      "requirements": {
        "functional": ["The hottest key takes 200,000 reads a second",
          "Cut memory by 40 % without losing hits"],
        "p99_microseconds": 500, "hot_key_reads_per_second": 200000, "memory_saved_percent": 40
      },
      "tests": [
        {"name": "hot-key", "required": true, "scenario": "One key gets 200,000 reads a second",
          "expect": "No node above 70 %; detected within 5 seconds"},
        {"name": "multi-get", "scenario": "A page needs 500 keys",
          "expect": "One round trip per node, all in parallel, below 3 ms"},
        {"name": "cold-values", "scenario": "60 % of the values are read less than once an hour",
          "expect": "They live compressed or on flash"}
      ],
      "hints": ["Detect the hottest keys by sampling, and copy them to many places.",
        "A hundred nodes in one multi-get: the slowest sets the pace."],
      "approach": "Sampling of hot keys with local copies for a second, replication of hot shards,
        compression above 1 KB, a flash tier for the cold.",
      "minutes": 25
    }
  ],
  "api-gateway": [
    {
      "goal": "One entrance for five services: route by path, check who is calling.",
      "requirements": {
        "functional": ["Route /orders, /users and so on to their services",
          "Reject calls without a valid token before a service sees them"],
        "services": 5, "requests_per_second": 100, "added_ms": 10
      },
      "tests": [
        {"name": "routes", "required": true, "scenario": "GET /orders/7 with a good token",
          "expect": "The order service gets it with the caller's id in a header"},
        {"name": "no-token", "scenario": "The same without a token",
          "expect": "401 from the gateway; no service is called"}
      ],
      "hints": ["Services should trust one header that only the gateway can set.",
        "A signed token can be checked without asking the login service."],
      "approach": "A reverse proxy with a routing table, verification of signed tokens with cached
        keys, and an identity header that it sets itself.",
      "minutes": 15
    },
    {
      "goal": "Eighty thousand requests a second for three hundred routes.",
      "requirements": {
        "functional": ["Change routes without a restart", "Limit body size and time per route"],
        "requests_per_second": 80000, "routes": 300, "p99_added_ms": 5, "instances": 12
      },
      "tests": [
        {"name": "load", "required": true, "scenario": "80,000 requests a second over 12 instances",
          "expect": "p99 added below 5 ms with one instance missing"},
        {"name": "slow-upload", "scenario": "5,000 clients send a byte a second",
          "expect": "Others are not affected; the slow ones are cut off"}
      ],
      "hints": ["80,000 over 12 instances is under 7,000 each: what remains if one is away?",
        "One thread per connection ends with 5,000 slow clients."],
      "approach": "Stateless event-loop instances behind an L4 balancer, a compiled prefix tree of
        routes, limits of size and time per route.",
      "minutes": 20
    },
    {
      "goal": "Routes, keys and quotas change on the fly; every instance must agree soon.",
      "requirements": {
        "functional": ["A revoked key stops everywhere within 10 seconds",
          "A deployment of routes is all or nothing, per request"],
        "propagation_seconds": 10, "concurrent_route_edits": 20
      },
      "tests": [
        {"name": "revoked-key", "required": true, "scenario": "A key is revoked under load",
          "expect": "No instance accepts it after 10 seconds"},
        {"name": "route-switch", "required": true,
          "scenario": "/orders moves from v1 to v2 while 1,000 requests run",
          "expect": "Each request sees one table from begin to end"},
        {"name": "quota", "scenario": "A key with 1,000 a minute uses all 12 instances",
          "expect": "1,000 to 1,030 pass"}
      ],
      "hints": ["Swap an immutable table; never edit the one in use.",
        "Long-lived tokens need a list of revocations that is pushed."],
      "approach": "Versioned immutable route tables by push from a control plane, short tokens with
        a revocation list, quotas in a shared store with leased batches.",
      "minutes": 20
    },
    {
      "goal": "A service that hangs must not take the entrance with it.",
      "requirements": {
        "functional": ["A slow service uses up only its own share of connections",
          "The gateway serves with its last configuration when the control plane is dead"],
        "availability_percent": 99.99, "breaker_open_seconds": 5, "share_percent": 20
      },
      "tests": [
        {"name": "hanging-service", "required": true,
          "scenario": "The recommendation service hangs",
          "expect": "Other routes keep their latency; its own answer 503 at once after 5 seconds"},
        {"name": "control-plane-down", "required": true,
          "scenario": "It is away for a day, instances restart",
          "expect": "They start with the last configuration from disk"},
        {"name": "retry-storm", "scenario": "A service answers 50 % errors",
          "expect": "Retries add at most 10 % of load"}
      ],
      "hints": ["A bulkhead keeps one leak from sinking the ship.",
        "Only idempotent calls may be repeated."],
      "approach": "Bulkheads and breakers per service, retry budgets, deadlines passed on in a
        header, configuration snapshots on disk.",
      "minutes": 25
    },
    {
      "goal": "One call instead of six: combine, compress, cache.",
      "requirements": {
        "functional": ["The home screen needs one request instead of six",
          "Cacheable answers do not reach the services"],
        "home_p95_ms": 250, "calls_saved_percent": 80, "cache_hit_percent": 60
      },
      "tests": [
        {"name": "home-screen", "required": true, "scenario": "Six services, one of them slow",
          "expect": "An answer within 250 ms with five parts and a placeholder"},
        {"name": "private-data", "scenario": "Two users ask the same address",
          "expect": "Nobody gets the other's cached answer"},
        {"name": "compression", "scenario": "100 KB of JSON", "expect": "Below 15 KB on the wire"}
      ],
      "hints": ["Ask in parallel, and decide which part may be missing.",
        "What belongs into the key of a cache when answers depend on the caller?"],
      "approach": "A composition layer with parallel calls and deadlines per part, caching by route,
        caller class and Vary, compression, HTTP/2.",
      "minutes": 20
    }
  ],
  "service-discovery": [
    {
      "goal": "Let the shop find an instance of the price service without a fixed address.",
      "requirements": {
        "functional": ["Instances register with address and port and send heartbeats",
          "Clients ask for the healthy instances of a name"],
        "services": 10, "instances": 40, "heartbeat_seconds": 5
      },
      "tests": [
        {"name": "register", "required": true, "scenario": "An instance starts",
          "expect": "It is in the answer within 5 seconds"},
        {"name": "silent-instance", "required": true, "scenario": "An instance dies without a word",
          "expect": "It is gone from the answer after 15 seconds"}
      ],
      "hints": ["Who takes a dead instance off the list if it cannot do so itself?",
        "A registration that runs out needs no goodbye."],
      "approach": "A registry of leases: registration with a TTL of 15 seconds, renewed every 5;
        lookups by name return live leases.",
      "minutes": 15
    },
    {
      "goal": "Fifty thousand instances, and everybody wants to know about changes.",
      "requirements": {
        "functional": ["50,000 instances, 10,000 heartbeats a second",
          "200,000 clients watch for changes"],
        "instances": 50000, "heartbeats_per_second": 10000, "watchers": 200000,
        "propagation_seconds": 5
      },
      "tests": [
        {"name": "rollout", "required": true,
          "scenario": "A service replaces 5,000 instances within 10 minutes",
          "expect": "Watchers follow within 5 seconds; the registry stays below 70 %"},
        {"name": "deltas", "scenario": "One instance of 5,000 changes",
          "expect": "Watchers get the change, not the list"}
      ],
      "hints": ["200,000 watchers times 5,000 changes is a billion messages: who needs which?",
        "Heartbeats need not go through the replicated log."],
      "approach": "Heartbeats to the shard that holds the lease, only changes in the log,
        subscriptions per service with batched deltas through fan-out proxies.",
      "minutes": 20
    },
    {
      "goal": "Registries disagree: is a stale list better than none?",
      "requirements": {
        "functional": ["A client never goes back to an older list than it has seen",
          "A new version of a service gets no traffic before it is ready"],
        "staleness_seconds": 10, "regressions": 0
      },
      "tests": [
        {"name": "monotonic", "required": true,
          "scenario": "A client switches from registry A to B, which lags",
          "expect": "It keeps the newer list"},
        {"name": "readiness", "required": true,
          "scenario": "An instance registers before it is warm",
          "expect": "No traffic until its check passes"},
        {"name": "same-address", "scenario": "An address is reused by another service",
          "expect": "Clients notice by identity, not by address"}
      ],
      "hints": ["Number the versions of a list, and compare.",
        "Address and identity are two things: check who answers."],
      "approach": "Versioned lists with monotonic reads in the client, registration after readiness,
        instance ids verified by TLS identity.",
      "minutes": 20
    },
    {
      "goal": "A network split makes half of the fleet look dead.",
      "requirements": {
        "functional": ["Lookups work when all registries are down",
          "When very many instances vanish at once, distrust the messenger"],
        "availability_percent": 99.999, "mass_expiry_percent": 15, "cache_hours": 24
      },
      "tests": [
        {"name": "split", "required": true,
          "scenario": "The registry loses contact to 40 % of the instances",
          "expect": "It keeps them listed and raises an alarm"},
        {"name": "registry-down", "required": true,
          "scenario": "All registries are down for an hour",
          "expect": "Calls go on with cached lists; dead instances are found by trying"},
        {"name": "rejoin", "scenario": "Both halves come back",
          "expect": "Lists agree within 30 seconds, without a storm"}
      ],
      "hints": ["Is it likelier that 40 % of the servers died in a second, or that you cannot see
          them?",
        "Clients can judge the health of an instance by their own calls."],
      "approach": "Self-preservation above 15 % of expiries, availability over consistency for
        reads, client caches on disk, passive health checks.",
      "minutes": 25
    },
    {
      "goal": "Route to the near, the idle and the cheap.",
      "requirements": {
        "functional": ["Prefer instances in the same zone unless they are overloaded",
          "Each client connects to 20 of 5,000 instances"],
        "same_zone_percent": 90, "connections_per_client": 20, "imbalance_percent": 10
      },
      "tests": [
        {"name": "zone-aware", "required": true, "scenario": "Zones with equal load",
          "expect": "90 % of the calls stay in their zone"},
        {"name": "zone-loaded", "scenario": "A zone has half the instances per client",
          "expect": "Surplus goes elsewhere; nobody is above 110 %"},
        {"name": "subsetting", "scenario": "1,000 clients, 5,000 instances",
          "expect": "20,000 connections instead of 5,000,000, evenly spread"}
      ],
      "hints": ["Crossing zones costs money and a millisecond.",
        "A deterministic subset per client spreads evenly; a random one does not."],
      "approach": "Zone-aware balancing with spill-over by load, deterministic subsets, weights from
        reported load.",
      "minutes": 20
    }
  ],
  "content-delivery-network": [
    {
      "goal": "Serve a site's images from a server near the visitor.",
      "requirements": {
        "functional": ["The edge fetches a file from the origin once and keeps it",
          "Cache-Control decides what is kept and for how long"],
        "edges": 3, "requests_per_second": 100, "hit_ms": 20
      },
      "tests": [
        {"name": "second-from-edge", "required": true,
          "scenario": "Two visitors in Rome ask for logo.png",
          "expect": "The second causes no request at the origin"},
        {"name": "no-store", "scenario": "A page with \"no-store\"",
          "expect": "It is fetched each time"}
      ],
      "hints": ["How does a visitor find the near edge? DNS or anycast.",
        "The key is more than the path: host, query, some headers."],
      "approach": "Edges as caching proxies found by DNS with geography, keys of host, path and
        chosen headers, TTLs from the origin's headers.",
      "minutes": 15
    },
    {
      "goal": "Forty terabits in the evening, and a catalogue larger than any edge.",
      "requirements": {
        "functional": ["Serve 40 Tbit/s from 200 sites",
          "An edge has 100 TB of disk, the catalogue has 20 PB"],
        "peak_tbit": 40, "sites": 200, "disk_tb_per_site": 100, "hit_percent": 95
      },
      "tests": [
        {"name": "popularity", "required": true, "scenario": "Zipf-like requests over 20 PB",
          "expect": "95 % of the bytes come from the edges"},
        {"name": "one-hit-wonders", "scenario": "60 % of the objects are asked for once",
          "expect": "They are not written to disk"}
      ],
      "hints": ["Do the sum: 40 Tbit/s over 200 sites is 200 Gbit/s each.",
        "Admit an object to the disk at its second request."],
      "approach": "Consistent hashing over the servers of a site, memory before disk, admission on
        the second request, regional parents before the origin.",
      "minutes": 20
    },
    {
      "goal": "A wrong price is in 200 caches: take it back, everywhere, soon.",
      "requirements": {
        "functional": ["Purge by address or tag within 5 seconds",
          "No mixture of old and new files of a release on a page"],
        "purge_seconds": 5, "sites": 200
      },
      "tests": [
        {"name": "purge", "required": true, "scenario": "A purge during 1,000 requests a second",
          "expect": "After 5 seconds no site serves the old one"},
        {"name": "purge-during-fetch", "required": true,
          "scenario": "An edge is fetching the old version when the purge arrives",
          "expect": "It is not stored"},
        {"name": "release", "scenario": "A new release with new scripts",
          "expect": "A page never gets a script of another release"}
      ],
      "hints": ["An in-flight fetch can bring back what was just purged: compare versions or
          times.",
        "Names with a hash of the content never need to be purged."],
      "approach": "Purges through a replicated log with catch-up for sites that were away,
        generations checked when a fetch is stored, hashed names for assets.",
      "minutes": 20
    },
    {
      "goal": "The origin is down, a site is down, an attacker is up.",
      "requirements": {
        "functional": ["Serve stale objects for an hour when the origin fails",
          "A lost site's visitors go elsewhere within 30 seconds"],
        "stale_minutes": 60, "failover_seconds": 30, "attack_tbit": 2, "availability_percent": 99.99
      },
      "tests": [
        {"name": "origin-down", "required": true,
          "scenario": "The origin answers 503 for 30 minutes",
          "expect": "Known objects are served as stale; unknown ones fail quickly"},
        {"name": "site-loss", "scenario": "Frankfurt loses power at peak",
          "expect": "Visitors reach other sites within 30 seconds, and these are not overloaded"},
        {"name": "flood", "scenario": "2 Tbit/s of UDP against one address",
          "expect": "Dropped at the edges; other customers are fine"}
      ],
      "hints": ["The traffic of a large site may be too much for its nearest neighbour.",
        "Stale-if-error is a promise that the origin can make in a header."],
      "approach": "Stale-if-error, health-driven anycast withdrawal with load-aware steering,
        request limits and filters at each edge.",
      "minutes": 25
    },
    {
      "goal": "Shave bytes and round trips, and keep the origin's bill small.",
      "requirements": {
        "functional": ["First byte below 50 ms for 95 % of the visitors",
          "At most one request per object and minute reaches the origin"],
        "ttfb_p95_ms": 50, "origin_offload_percent": 99, "bytes_saved_percent": 30
      },
      "tests": [
        {"name": "origin-shield", "required": true,
          "scenario": "A hot object expires at 200 sites at once",
          "expect": "One request at the origin"},
        {"name": "range", "scenario": "A video player asks for bytes 10 to 11 MB",
          "expect": "Only chunks around it are fetched"},
        {"name": "early-connect", "scenario": "A dynamic page that cannot be cached",
          "expect": "Edge and origin use a warm connection"}
      ],
      "hints": ["One parent for all sites can coalesce what they miss.",
        "Large files are best cached in slices."],
      "approach": "An origin shield with request coalescing, slices of 1 MB, persistent tuned
        connections to the origin, Brotli and image formats by Accept.",
      "minutes": 25
    }
  ],
  "object-storage": [
    {
      "goal": "Store files under names in buckets and give them back unchanged.",
      "requirements": {
        "functional": ["put, get, delete and list by prefix",
          "The answer to a put tells the checksum"],
        "objects": 10000, "max_gb": 5, "requests_per_second": 20
      },
      "tests": [
        {"name": "checksum", "required": true, "scenario": "A file of 1 GB is put and read",
          "expect": "Same bytes, same checksum"},
        {"name": "list", "scenario": "2,500 objects below \"2024/\"",
          "expect": "Three pages of at most 1,000, in order"}
      ],
      "hints": ["Names and bytes have different needs: separate them.",
        "A large file in parts can be uploaded in parallel and repaired in pieces."],
      "approach": "Metadata (bucket, name, size, checksum, places) in an ordered store, bytes in
        large append-only files, multipart uploads.",
      "minutes": 15
    },
    {
      "goal": "A hundred petabytes, mostly small objects.",
      "requirements": {
        "functional": ["Hold 100 PB in 100 billion objects of 1 MB on average",
          "Use at most 1.5 times the space"],
        "stored_pb": 100, "objects": 100000000000, "overhead_factor": 1.5,
        "requests_per_second": 300000
      },
      "tests": [
        {"name": "overhead", "required": true, "scenario": "The scheme is computed",
          "expect": "8 + 4 erasure coding gives 1.5; three copies give 3"},
        {"name": "metadata", "scenario": "100 billion rows of 300 bytes",
          "expect": "30 TB, partitioned by ranges of names that split"}
      ],
      "hints": ["One file per object of 4 KB would drown a file system.",
        "k data and m parity pieces survive any m losses."],
      "approach": "Small objects packed into volumes of gigabytes, erasure coding 8 + 4 over racks,
        metadata in a partitioned ordered store.",
      "minutes": 25
    },
    {
      "goal": "Read after write, and two writers of one name.",
      "requirements": {
        "functional": ["After a confirmed put, every get and list shows it",
          "Two concurrent puts: one wins whole"],
        "stale_reads": 0, "mixed_objects": 0
      },
      "tests": [
        {"name": "read-after-write", "required": true,
          "scenario": "put, then get and list from another zone",
          "expect": "Both show the new object"},
        {"name": "concurrent-put", "required": true,
          "scenario": "Two writers of 100 MB under one name",
          "expect": "The object is one of the two, never a mixture"},
        {"name": "conditional", "scenario": "put \"only if absent\" by 20 writers",
          "expect": "One succeeds"}
      ],
      "hints": ["Bytes first, the pointer last: which single write makes an object visible?",
        "The partition that owns the name can decide."],
      "approach": "Data are written under fresh ids, then one linearizable metadata write makes them
        visible; old data are collected later.",
      "minutes": 25
    },
    {
      "goal": "Eleven nines: disks die daily.",
      "requirements": {
        "functional": ["Expect less than one lost object in a hundred billion a year",
          "Repair faster than failures come"],
        "durability_nines": 11, "failed_disks_per_day": 20, "repair_hours": 6, "zones": 3
      },
      "tests": [
        {"name": "disk-failures", "required": true, "scenario": "20 disks of 16 TB die in a day",
          "expect": "All are repaired within 6 hours, reads go on"},
        {"name": "zone-loss", "required": true, "scenario": "A zone is away for two days",
          "expect": "All objects are readable and writable"},
        {"name": "silent-rot", "scenario": "Random bits flip on disk",
          "expect": "Scrubbing finds them within 2 weeks and repairs"}
      ],
      "hints": ["Durability is a race: chance of failure against speed of repair.",
        "Pieces of one disk lie on a thousand others; let all of them help."],
      "approach": "Pieces spread over zones and racks, parallel repair by the whole cluster,
        checksums with scrubbing, delayed deletion.",
      "minutes": 25
    },
    {
      "goal": "Cheap for the cold, quick for the hot, and no surprise on the bill.",
      "requirements": {
        "functional": ["Objects unread for 90 days cost a quarter",
          "First byte in 50 ms for hot small objects"],
        "first_byte_p99_ms": 50, "cold_cost_percent": 25, "cold_after_days": 90
      },
      "tests": [
        {"name": "tiering", "required": true, "scenario": "60 % of the data are cold",
          "expect": "The bill falls by 40 % or more, names stay"},
        {"name": "hot-prefix", "scenario": "One prefix gets 50,000 reads a second",
          "expect": "Its partition splits; p99 stays below 100 ms"},
        {"name": "tail", "scenario": "One of 8 pieces lies on a slow disk",
          "expect": "Read 9 and take the first 8"}
      ],
      "hints": ["Asking one more than needed buys you out of the slowest disk.",
        "Wider stripes cost less space and more to repair."],
      "approach": "Lifecycle into wide stripes on dense disks, hedged reads of pieces, automatic
        splits of hot ranges, a cache for small hot objects.",
      "minutes": 25
    }
  ],
  "feature-flags": [
    {
      "goal": "Switch a feature on for some users without a deployment.",
      "requirements": {
        "functional": ["is_on(flag, user) evaluates rules: everybody, nobody, a percentage, a list",
          "The same user always gets the same answer for a percentage"],
        "flags": 50, "evaluations_per_second": 100, "p99_ms": 5
      },
      "tests": [
        {"name": "stable-percentage", "required": true,
          "scenario": "10 % of 100,000 users, asked twice",
          "expect": "About 10,000 are on, the same both times"},
        {"name": "widening", "required": true, "scenario": "10 % becomes 20 %",
          "expect": "Everybody who was on stays on"}
      ],
      "hints": ["Chance must be repeatable: what do flag and user give when hashed together?",
        "Compare the hash with the percentage; raising it only adds users."],
      "approach": "Rules per flag evaluated in order; a percentage compares hash(flag, user) mod
        10,000 with its threshold.",
      "minutes": 15
    },
    {
      "goal": "Four thousand servers evaluate two hundred flags per request.",
      "requirements": {
        "functional": ["Evaluate in the server's memory; no network call per request",
          "Deliver 5 MB of rules to 4,000 servers"],
        "evaluations_per_second": 40000000, "servers": 4000, "rules_mb": 5, "p99_microseconds": 10
      },
      "tests": [
        {"name": "local", "required": true,
          "scenario": "A server evaluates 10,000 flags a second without network",
          "expect": "All are answered from memory"},
        {"name": "mass-restart", "scenario": "All 4,000 servers start within a minute",
          "expect": "Rules arrive everywhere within 60 seconds; the origin sends under 1 Gbit/s"}
      ],
      "hints": ["4,000 × 5 MB is 20 GB: spread over a minute, that is 2.7 Gbit/s from one origin.",
        "A relay or a CDN near the servers multiplies what you send."],
      "approach": "An SDK that holds all rules in memory, snapshots from a CDN, changes as small
        deltas over a stream through relays.",
      "minutes": 20
    },
    {
      "goal": "A flag is flipped: who sees it when, and in which order?",
      "requirements": {
        "functional": ["A change reaches all servers within 5 seconds",
          "Two flags that are changed together are never seen half changed"],
        "propagation_seconds": 5, "torn_changes": 0
      },
      "tests": [
        {"name": "kill-switch", "required": true, "scenario": "A flag is switched off",
          "expect": "After 5 seconds no server evaluates it as on"},
        {"name": "pair", "required": true, "scenario": "Flags A and B change in one edit",
          "expect": "No server ever sees the new A with the old B"},
        {"name": "lost-edit", "scenario": "Two people edit a flag at the same time",
          "expect": "The second gets a conflict and sees the first edit"}
      ],
      "hints": ["Give the rule set a version number and ship changes as versions.",
        "What does a server do that gets version 12 after version 10?"],
      "approach": "A totally ordered log of versions per environment; SDKs apply whole versions,
        fetch what is missing, and edits are compare-and-set.",
      "minutes": 20
    },
    {
      "goal": "The flag service is down, and products must not notice.",
      "requirements": {
        "functional": ["Servers run on with the rules they have, and can start without the service",
          "A broken rule falls back to a default instead of throwing"],
        "availability_percent": 99.999, "offline_start": true
      },
      "tests": [
        {"name": "service-down", "required": true, "scenario": "The service is away for a day",
          "expect": "Running servers evaluate; restarted ones start from the CDN or their disk"},
        {"name": "bad-rule", "scenario": "A rule has an unknown operator",
          "expect": "The flag's default is used, an error is counted once a minute"},
        {"name": "rollback", "scenario": "An edit takes checkout down",
          "expect": "Who, what and when is found in the audit; one click undoes it"}
      ],
      "hints": ["The last good rules on disk let a server start without anybody.",
        "Which default is safe belongs into the code, beside the flag."],
      "approach": "Snapshots on local disk and in the CDN, defaults in code, validation before
        publishing, an audit log with undo.",
      "minutes": 20
    },
    {
      "goal": "Learn from flags: measure exposure, remove the dead ones, keep it cheap.",
      "requirements": {
        "functional": ["Count exposures of 40 million evaluations a second at 0.1 % of the cost",
          "Find flags that have answered the same for 30 days"],
        "event_bytes_per_second": 2000000, "extra_cpu_percent": 1, "stale_days": 30
      },
      "tests": [
        {"name": "aggregated-exposure", "required": true,
          "scenario": "40 million evaluations a second",
          "expect": "Summaries per flag, variant and minute leave the server, not single events"},
        {"name": "experiment", "scenario": "An experiment with 500,000 users",
          "expect": "Each user's first exposure is recorded exactly once"},
        {"name": "stale", "scenario": "A flag has been on for all for 31 days",
          "expect": "It is listed, with the places in the code"}
      ],
      "hints": ["Per server and minute there are few distinct (flag, variant) pairs.",
        "A Bloom filter of seen users keeps first exposures small."],
      "approach": "Counters in the SDK flushed per minute, deduplicated first exposures for
        experiments only, a report of flags with one variant.",
      "minutes": 25
    }
  ],
  "notification-system": [
    {
      "goal": "Send one message as a push, an SMS or an e-mail, as the user wants it.",
      "requirements": {
        "functional": ["notify(user, template, data) chooses the channels by the user's settings",
          "Templates are filled in the user's language"],
        "users": 10000, "notifications_per_minute": 100, "channels": 3
      },
      "tests": [
        {"name": "preference", "required": true, "scenario": "A user has switched SMS off",
          "expect": "Push and e-mail are sent, no SMS"},
        {"name": "language", "scenario": "A French user",
          "expect": "The French template; English when there is none"}
      ],
      "hints": ["What is the same for all channels, and what is particular to each?",
        "An adapter per provider keeps their oddities out of the core."],
      "approach": "A service with settings, templates and an adapter per channel; it renders, then
        hands over to the provider.",
      "minutes": 15
    },
    {
      "goal": "Ten million messages a day, and a campaign to five million in ten minutes.",
      "requirements": {
        "functional": ["Codes for logging in leave within 5 seconds, even during a campaign",
          "Keep within the providers' limits"],
        "daily_messages": 10000000, "campaign_users": 5000000, "campaign_minutes": 10,
        "otp_seconds": 5
      },
      "tests": [
        {"name": "campaign-and-otp", "required": true,
          "scenario": "A campaign runs, a user asks for a code",
          "expect": "The code leaves within 5 seconds"},
        {"name": "provider-limit", "scenario": "The SMS provider allows 500 a second",
          "expect": "It never gets 501; the rest waits"}
      ],
      "hints": ["5,000,000 in 600 seconds is 8,300 a second.",
        "One queue for all lets the campaign stand before the code."],
      "approach": "Queues by priority and channel, a fan-out job that expands campaigns in chunks,
        token buckets per provider.",
      "minutes": 20
    },
    {
      "goal": "Once, not twice, and not after the user has said no.",
      "requirements": {
        "functional": ["A retried request sends one message",
          "An opt-out holds from the next message on, campaigns under way included"],
        "duplicate_rate_per_million": 10, "opt_out_seconds": 0
      },
      "tests": [
        {"name": "retried-call", "required": true,
          "scenario": "The same notify is sent 3 times with its key", "expect": "One message"},
        {"name": "opt-out-in-campaign", "required": true,
          "scenario": "A user opts out while the campaign runs", "expect": "Nothing more is sent"},
        {"name": "worker-dies", "scenario": "A worker dies after the provider's answer",
          "expect": "At most 10 in a million come twice"}
      ],
      "hints": ["Check the settings when sending, not when queueing.",
        "The provider may take an idempotency key; else record the intention before the call."],
      "approach": "An idempotency key per request, a delivery row with state in front of each
        provider call, settings checked at the last moment.",
      "minutes": 20
    },
    {
      "goal": "A provider is down on Black Friday.",
      "requirements": {
        "functional": ["Fall back to a second provider within a minute",
          "No accepted message is lost; those that are too old are dropped on purpose"],
        "failover_seconds": 60, "lost_messages": 0, "otp_ttl_minutes": 5
      },
      "tests": [
        {"name": "provider-down", "required": true,
          "scenario": "The first SMS provider answers 500",
          "expect": "Within 60 seconds messages go through the second"},
        {"name": "stale-code", "scenario": "A code has waited for 6 minutes",
          "expect": "It is not sent any more"},
        {"name": "dead-token", "scenario": "A push token is reported as invalid",
          "expect": "It is removed; later messages skip it"}
      ],
      "hints": ["Timeouts are ambiguous: was it sent? Decide per kind of message.",
        "A time to live belongs to each kind of message."],
      "approach": "Breakers per provider with weighted failover, durable queues, TTL per template,
        provider receipts processed as a stream.",
      "minutes": 20
    },
    {
      "goal": "Fewer, better messages: bundle, wait for the morning, measure.",
      "requirements": {
        "functional": ["At most 5 messages a day per user, urgent ones apart",
          "Non-urgent messages wait for daytime where the user lives"],
        "daily_cap": 5, "bundle_minutes": 15, "opens_delay_seconds": 60,
        "cost_reduction_percent": 30
      },
      "tests": [
        {"name": "bundle", "required": true, "scenario": "40 likes within 15 minutes",
          "expect": "One message: \"Ana and 39 others\""},
        {"name": "quiet-hours", "scenario": "A message at 3 in the night in Tokyo",
          "expect": "It comes at 8, Tokyo time"},
        {"name": "cheapest-channel", "scenario": "A user with an open app",
          "expect": "Push instead of SMS"}
      ],
      "hints": ["A window per user and topic collects what belongs together.",
        "Midnight is not one moment: schedule by time zone."],
      "approach": "Aggregation windows per user and topic, caps and quiet hours by time zone,
        channel choice by cost and presence, receipts into statistics.",
      "minutes": 20
    }
  ],
  "log-aggregation": [
    {
      "goal": "Collect the log lines of twenty servers in one place where they can be searched.",
      "requirements": {
        "functional": ["An agent follows log files and sends new lines",
          "Search by time, service and word"],
        "servers": 20, "lines_per_second": 500, "searchable_seconds": 30
      },
      "tests": [
        {"name": "search", "required": true,
          "scenario": "A line with \"order 4711\" is written on server 7",
          "expect": "It is found within 30 seconds"},
        {"name": "rotation", "scenario": "The file is rotated while it is read",
          "expect": "No line is missing or doubled"}
      ],
      "hints": ["The agent must remember how far it has read, by file and not by name.",
        "Structured lines save parsing them later."],
      "approach": "An agent with positions per inode, batches over HTTP, a store with an index on
        time, service and words.",
      "minutes": 15
    },
    {
      "goal": "Two terabytes of logs an hour.",
      "requirements": {
        "functional": ["Take 600 MB a second from 10,000 servers", "Keep 30 days searchable"],
        "ingest_mb_per_second": 600, "servers": 10000, "stored_tb": 1550, "compressed_tb": 160,
        "searchable_seconds": 60
      },
      "tests": [
        {"name": "sizing", "required": true, "scenario": "The design computes 30 days",
          "expect": "About 1,550 TB raw, some 160 TB compressed 10 to 1"},
        {"name": "peak", "scenario": "An incident triples the volume for 20 minutes",
          "expect": "Nothing is dropped; lines are searchable 5 minutes late at most"}
      ],
      "hints": ["600 MB/s × 86,400 × 30 is a number to know before choosing an index.",
        "A full-text index can be larger than the compressed text."],
      "approach": "Agents to a partitioned queue, writers of compressed chunks by service and time
        with an index of labels only, scanning in parallel.",
      "minutes": 20
    },
    {
      "goal": "Order and completeness: the story of one request over eight services.",
      "requirements": {
        "functional": ["Lines of one file stay in order; lines of one request can be put in order",
          "A retry of an agent shows no line twice"],
        "duplicate_lines_per_million": 1, "clock_skew_ms": 500
      },
      "tests": [
        {"name": "agent-retry", "required": true,
          "scenario": "An acknowledgement is lost, the batch is sent again",
          "expect": "Each line is found once"},
        {"name": "one-request", "required": true,
          "scenario": "A request crosses 8 services with skewed clocks",
          "expect": "Cause comes before effect in the result"},
        {"name": "late-lines", "scenario": "A server was offline for 2 hours",
          "expect": "Its lines appear at their own time"}
      ],
      "hints": ["File, offset and host name a line uniquely.",
        "Clocks differ; a trace id with parent spans does not."],
      "approach": "Chunk ids from host, file and offset for deduplication, event time and arrival
        time both kept, trace ids with causal order.",
      "minutes": 20
    },
    {
      "goal": "In an incident logs are most wanted and most in danger.",
      "requirements": {
        "functional": ["A full pipeline never blocks an application",
          "Errors are kept when debug lines have to go"],
        "availability_percent": 99.9, "agent_buffer_gb": 2, "lost_error_lines": 0
      },
      "tests": [
        {"name": "backend-down", "required": true, "scenario": "The store is away for 30 minutes",
          "expect": "Agents buffer on disk; error lines are complete afterwards"},
        {"name": "noisy-service", "required": true,
          "scenario": "One service writes 200 MB/s of debug lines",
          "expect": "It is limited; others are searchable as always"},
        {"name": "disk-full", "scenario": "An agent's buffer is full",
          "expect": "The oldest debug lines go first; a counter says how many"}
      ],
      "hints": ["Writing a log line must never wait for a network.",
        "Decide beforehand what to throw away."],
      "approach": "Disk buffers with priorities in the agents, quotas per service at the entrance, a
        replicated queue, counters of what was dropped.",
      "minutes": 20
    },
    {
      "goal": "A search over a day in three seconds, at a third of the price.",
      "requirements": {
        "functional": ["Search 50 TB of a day in 3 seconds for a rare word",
          "Older than 3 days moves to object storage"],
        "query_p95_seconds": 3, "day_tb": 50, "cost_reduction_percent": 66
      },
      "tests": [
        {"name": "needle", "required": true,
          "scenario": "A request id that occurs 8 times in 50 TB",
          "expect": "Found within 3 seconds"},
        {"name": "common-word", "scenario": "The word \"error\" over 7 days",
          "expect": "The first page at once, the scan is stopped"},
        {"name": "cost", "scenario": "Query cost for one service of 300",
          "expect": "Only its chunks are read"}
      ],
      "hints": ["A small Bloom filter per chunk tells where a rare word cannot be.",
        "Most searches name the service and the last hour."],
      "approach": "Bloom filters per chunk, columnar compressed chunks by service, hot data on SSD
        and the rest in object storage, parallel early-stopping scans.",
      "minutes": 25
    }
  ],
  "metrics-monitoring": [
    {
      "goal": "Collect processor, memory and request rates of fifty servers and draw them.",
      "requirements": {
        "functional": ["Scrape each server every 15 seconds",
          "Show a graph of any metric for the last hour"],
        "servers": 50, "series": 5000, "scrape_seconds": 15
      },
      "tests": [
        {"name": "graph", "required": true, "scenario": "A server's CPU is at 80 % for 10 minutes",
          "expect": "The graph shows it"},
        {"name": "counter-reset", "scenario": "A server restarts, its counter begins at 0",
          "expect": "The rate has no negative peak"}
      ],
      "hints": ["A counter that only grows survives a missed scrape; a rate does not.",
        "A series is a name plus labels."],
      "approach": "Targets expose counters and gauges, a scraper reads them every 15 seconds and
        appends (time, value) per series; rates are computed on reading.",
      "minutes": 15
    },
    {
      "goal": "Ten million active series.",
      "requirements": {
        "functional": ["Take 660,000 samples a second", "Keep 15 days of full resolution"],
        "active_series": 10000000, "samples_per_second": 660000, "retention_days": 15,
        "bytes_per_sample": 1.5, "stored_tb": 1.3
      },
      "tests": [
        {"name": "sizing", "required": true, "scenario": "15 days of samples",
          "expect": "About 860 billion samples, 1.3 TB at 1.5 bytes each"},
        {"name": "cardinality", "scenario": "A label with user ids adds 5 million series",
          "expect": "The tenant's limit refuses them; others are not affected"}
      ],
      "hints": ["Times and values change little from one to the next: store differences.",
        "Series cost memory even when they are short."],
      "approach": "Series sharded by hash of labels, chunks with delta-of-delta times and XOR
        values, an inverted index of labels, limits per tenant.",
      "minutes": 20
    },
    {
      "goal": "Two scrapers, late samples and an alert that must fire once.",
      "requirements": {
        "functional": ["Two replicas collect; a query sees one series without gaps",
          "An alert that both replicas find goes out once"],
        "replicas": 2, "duplicate_alerts": 0, "late_seconds": 300
      },
      "tests": [
        {"name": "gap-fill", "required": true, "scenario": "Replica A restarts for 2 minutes",
          "expect": "The graph has no gap and no doubled values"},
        {"name": "one-alert", "required": true, "scenario": "Both replicas evaluate the same rule",
          "expect": "One message"},
        {"name": "late-sample", "scenario": "A sample comes 4 minutes late",
          "expect": "It is stored in its place"}
      ],
      "hints": ["Merge at reading, and prefer one replica until it has a gap.",
        "An alert has an identity: its labels."],
      "approach": "Two independent collectors, deduplication at query time, alert managers that
        gossip what they have sent, an out-of-order window.",
      "minutes": 20
    },
    {
      "goal": "Alerts must work on the day when everything is broken.",
      "requirements": {
        "functional": ["Alerting depends on nothing that it watches",
          "The loss of a storage node loses no sample of the last 2 hours"],
        "availability_percent": 99.99, "alert_delay_seconds": 60, "lost_samples": 0
      },
      "tests": [
        {"name": "node-loss", "required": true, "scenario": "One of 9 nodes dies",
          "expect": "Queries and alerts go on; no sample is missing"},
        {"name": "query-of-death", "required": true,
          "scenario": "Somebody graphs 10 million series",
          "expect": "The query is stopped; alerts are evaluated on time"},
        {"name": "silent-source", "scenario": "A service stops sending",
          "expect": "An alert for absence fires"}
      ],
      "hints": ["No data is not the same as no problem.",
        "Alerts and dashboards should not share a queue."],
      "approach": "Writes to 3 nodes with a quorum of 2 and a write-ahead log, limits per query,
        separate evaluation of rules, a dead man's switch outside.",
      "minutes": 20
    },
    {
      "goal": "A dashboard over a year in a second.",
      "requirements": {
        "functional": ["A query over 12 months touches few points",
          "Dashboards that everybody opens are computed once"],
        "query_p95_seconds": 1, "retention_months": 13, "cost_reduction_percent": 80
      },
      "tests": [
        {"name": "year", "required": true, "scenario": "A graph of 12 months with 1,000 points",
          "expect": "Hourly rollups are read, in under a second"},
        {"name": "percentile", "scenario": "The p99 over 2,000 servers",
          "expect": "From merged histograms, not from averaged percentiles"},
        {"name": "spike", "scenario": "A peak of 10 seconds half a year ago",
          "expect": "The rollup's maximum still shows it"}
      ],
      "hints": ["Keep minimum, maximum, sum and count, and any average can be had later.",
        "Averages of percentiles mean nothing."],
      "approach": "Rollups of 5 minutes and 1 hour with min, max, sum and count, mergeable
        histograms, recording rules, object storage for old blocks.",
      "minutes": 25
    }
  ],
  "time-series-database": [
    {
      "goal": "Store the temperature of a hundred sensors and answer for any hour.",
      "requirements": {
        "functional": ["append(series, time, value) and range(series, from, to)",
          "Averages per minute over a range"],
        "series": 100, "points_per_second": 100, "p99_ms": 50
      },
      "tests": [
        {"name": "range", "required": true, "scenario": "A day of a sensor with a point a second",
          "expect": "86,400 points in order"},
        {"name": "average", "scenario": "The same day per minute",
          "expect": "1,440 averages, right at the borders"}
      ],
      "hints": ["New points are the newest: where do they go in a file?",
        "The half-open interval [from, to) counts no point twice."],
      "approach": "An append-only chunk per series and 2 hours, sorted by time, with a small index
        of chunks.",
      "minutes": 15
    },
    {
      "goal": "A million points a second onto few disks.",
      "requirements": {
        "functional": ["10 million series with a point every 10 seconds",
          "At most 2 bytes per point"],
        "points_per_second": 1000000, "bytes_per_point": 2, "stored_gb_per_day": 173,
        "series": 10000000
      },
      "tests": [
        {"name": "compression", "required": true, "scenario": "Real sensor data of a day",
          "expect": "At most 2 bytes per point"},
        {"name": "write-load", "scenario": "A million points a second",
          "expect": "Sequential writes only, below 50 MB/s per node"}
      ],
      "hints": ["10 million open series cannot each write to a file of their own.",
        "Regular times have differences of differences of zero."],
      "approach": "A memory chunk per series over a shared write-ahead log, delta-of-delta and XOR
        encoding, blocks of 2 hours flushed in series order.",
      "minutes": 20
    },
    {
      "goal": "Late points, corrections and a restart in the middle.",
      "requirements": {
        "functional": ["Points that are up to an hour late land in their place",
          "The same point twice is one point"],
        "late_minutes": 60, "duplicate_points": 0
      },
      "tests": [
        {"name": "late", "required": true,
          "scenario": "A gateway sends an hour's points after an outage",
          "expect": "Ranges are complete and sorted"},
        {"name": "replay", "required": true, "scenario": "The log is replayed after a crash",
          "expect": "No point is missing or doubled"},
        {"name": "correction", "scenario": "A point is sent again with another value",
          "expect": "The later write wins, as documented"}
      ],
      "hints": ["A second, small, unsorted area for latecomers can be merged at reading.",
        "What makes a point unique?"],
      "approach": "Key (series, time); an out-of-order head that is merged on reading and at
        compaction; idempotent replay of the log.",
      "minutes": 20
    },
    {
      "goal": "A node dies with two hours of points in memory.",
      "requirements": {
        "functional": ["No acknowledged point is lost with one node",
          "Queries answer during the repair"],
        "replicas": 3, "write_quorum": 2, "lost_points": 0, "availability_percent": 99.9
      },
      "tests": [
        {"name": "node-dies", "required": true, "scenario": "A node dies at full load",
          "expect": "No gap in any series"},
        {"name": "full-disk", "required": true, "scenario": "A node's disk is full",
          "expect": "It refuses writes and serves reads; retention frees space"},
        {"name": "long-replay", "scenario": "The log of 2 hours is replayed",
          "expect": "The node serves again within 5 minutes"}
      ],
      "hints": ["A log on one machine dies with it.",
        "Checkpoints of the memory shorten the replay."],
      "approach": "Replication to 3 nodes by series with a quorum, memory snapshots every 15
        minutes, repair of blocks by comparing checksums.",
      "minutes": 20
    },
    {
      "goal": "Dashboards over years, in a second, at a tenth of the space.",
      "requirements": {
        "functional": ["Raw for 30 days, minutes for a year, hours for ten",
          "A query over 10,000 series in a second"],
        "query_p95_seconds": 1, "space_reduction_percent": 90, "retention_years": 10
      },
      "tests": [
        {"name": "downsampling", "required": true, "scenario": "A year as 1,000 points",
          "expect": "Minute or hour values are read; extremes are kept"},
        {"name": "wide", "scenario": "Average over 10,000 series for a day",
          "expect": "In a second, by nodes in parallel, partial sums merged"},
        {"name": "delete", "scenario": "A customer's series must go",
          "expect": "Gone within a day without rewriting other blocks"}
      ],
      "hints": ["Aggregates that can be merged: sum, count, min, max, sketches.",
        "Move the computation to the data; send partial results."],
      "approach": "Rollups at compaction, pushdown of aggregates, blocks by tenant and time in
        object storage, retention by dropping blocks.",
      "minutes": 25
    }
  ],
  "distributed-tracing": [
    {
      "goal": "Follow one request through four services and see where the time went.",
      "requirements": {
        "functional": ["Each service passes the trace id on and reports spans",
          "Show a trace as a tree with durations"],
        "services": 4, "traces_per_second": 10
      },
      "tests": [
        {"name": "tree", "required": true,
          "scenario": "A request passes 4 services, one is called twice",
          "expect": "A tree of five spans with right parents"},
        {"name": "async", "scenario": "A service goes on through a queue",
          "expect": "The consumer's span belongs to the trace"}
      ],
      "hints": ["The context must travel with the call: in a header, in the message.",
        "A span knows its parent; the tree is put together when read."],
      "approach": "W3C trace context in headers and messages, spans with id, parent, start and
        duration, sent in batches to a collector.",
      "minutes": 15
    },
    {
      "goal": "Two million spans a second: which do you keep?",
      "requirements": {
        "functional": ["Spans of 500 bytes from 3,000 instances",
          "Store 1 % of the traces, complete"],
        "spans_per_second": 2000000, "ingest_mb_per_second": 1000, "kept_percent": 1,
        "stored_tb_per_day": 0.9
      },
      "tests": [
        {"name": "complete-traces", "required": true, "scenario": "1 % of the traces are sampled",
          "expect": "Each kept trace has all of its spans"},
        {"name": "overhead", "scenario": "A service with 10,000 requests a second",
          "expect": "Tracing takes less than 1 % of its CPU"}
      ],
      "hints": ["If each service flips its own coin, few traces are complete.",
        "Decide from the trace id, and everybody decides alike."],
      "approach": "Head sampling by trace id with the decision in the context, binary batches over a
        local agent, collectors sharded by trace id.",
      "minutes": 20
    },
    {
      "goal": "Spans arrive late, twice and with wrong clocks.",
      "requirements": {
        "functional": ["A trace is shown correctly although clocks differ by 200 ms",
          "Spans that come twice are shown once"],
        "clock_skew_ms": 200, "late_seconds": 120
      },
      "tests": [
        {"name": "skewed-child", "required": true,
          "scenario": "A child begins 80 ms before its parent",
          "expect": "It is shifted into the parent and marked"},
        {"name": "duplicate-span", "scenario": "A batch is sent twice", "expect": "Each span once"},
        {"name": "missing-parent", "required": true, "scenario": "A span's parent was lost",
          "expect": "It hangs below a placeholder instead of vanishing"}
      ],
      "hints": ["A child cannot begin before it was called: use that.",
        "The span id makes writing idempotent."],
      "approach": "Idempotent writes by (trace, span), adjustment of clocks between caller and
        callee at reading, placeholders for missing parents.",
      "minutes": 20
    },
    {
      "goal": "The tracing system is overloaded: no service may feel it.",
      "requirements": {
        "functional": ["A dead collector costs a service nothing but its spans",
          "Traces with errors survive overload"],
        "added_p99_ms": 0.1, "buffer_mb": 50, "error_traces_kept_percent": 95
      },
      "tests": [
        {"name": "collector-dead", "required": true,
          "scenario": "All collectors are away for 10 minutes",
          "expect": "Services keep latency and memory; spans are dropped and counted"},
        {"name": "overload", "required": true, "scenario": "Traffic triples",
          "expect": "Sampling falls; 95 % of the error traces are still there"},
        {"name": "rolling-upgrade", "scenario": "Collectors are replaced one by one",
          "expect": "Under 0.1 % of the spans are lost"}
      ],
      "hints": ["A buffer with a bound and no waiting.",
        "Lower the rate for the boring before you lose the interesting."],
      "approach": "Non-blocking bounded buffers, adaptive sampling rates pushed to agents, priority
        for errors, stateless collectors before a queue.",
      "minutes": 20
    },
    {
      "goal": "Keep the traces that matter: decide when the trace is over.",
      "requirements": {
        "functional": ["Keep all slow and failed traces, and 0.1 % of the others",
          "Find traces by service, duration and tag within 2 seconds"],
        "query_p95_seconds": 2, "decision_window_seconds": 30, "kept_percent": 0.5
      },
      "tests": [
        {"name": "slow-kept", "required": true,
          "scenario": "0.02 % of the traces take more than 2 seconds",
          "expect": "All of these are kept"},
        {"name": "find", "scenario": "\"checkout, over 1 s, country CH\" over 3 days",
          "expect": "First results within 2 seconds"},
        {"name": "window-memory", "scenario": "Traces wait 30 seconds for the decision",
          "expect": "30 GB over the collectors, as computed"}
      ],
      "hints": ["All spans of a trace must meet in one place before you can judge it.",
        "1 GB a second for 30 seconds: does it fit?"],
      "approach": "Tail sampling in collectors that own trace ids, a window of 30 seconds, columnar
        blocks in object storage with indexes of tags.",
      "minutes": 25
    }
  ],
  "web-crawler": [
    {
      "goal": "Fetch a site page by page, following links, without fetching any page twice.",
      "requirements": {
        "functional": ["Begin with seeds, follow links within one host",
          "Obey robots.txt and wait a second between requests"],
        "pages": 1000, "requests_per_second": 1, "hosts": 1
      },
      "tests": [
        {"name": "each-once", "required": true,
          "scenario": "A site of 1,000 pages with circular links",
          "expect": "Each page is fetched once"},
        {"name": "robots", "required": true, "scenario": "/private is forbidden by robots.txt",
          "expect": "It is never asked for"},
        {"name": "fragments", "scenario": "Links to /a, /a#b and /A/../a", "expect": "One fetch"}
      ],
      "hints": ["Bring addresses into one form before comparing them.",
        "A queue of what to fetch and a set of what was seen: that is a crawler."],
      "approach": "A frontier queue and a seen set over normalised addresses, robots.txt cached per
        host, a politeness delay.",
      "minutes": 15
    },
    {
      "goal": "A billion pages a month.",
      "requirements": {
        "functional": ["Fetch 400 pages a second of 100 KB, from a million hosts",
          "Never more than one request a second per host"],
        "pages_per_second": 400, "hosts": 1000000, "bandwidth_mbit": 320, "stored_tb_per_month": 100
      },
      "tests": [
        {"name": "polite-and-fast", "required": true,
          "scenario": "One host has 10 million pages, others 1,000",
          "expect": "400 pages a second in total, 1 a second for each host"},
        {"name": "memory", "scenario": "10 billion seen addresses",
          "expect": "A Bloom filter of about 12 GB, or a store on disk"}
      ],
      "hints": ["Many queues, one per host, and a heap of when each may be asked again.",
        "Ten bits per address give one false positive in a hundred; what is lost by it?"],
      "approach": "A frontier with queues by host and a heap of next times, hosts sharded over
        fetchers by hash, asynchronous fetching, DNS cache.",
      "minutes": 20
    },
    {
      "goal": "Two crawlers meet: no page twice, no host asked twice as often.",
      "requirements": {
        "functional": ["A host belongs to exactly one fetcher at any time",
          "The same content under two addresses is stored once"],
        "duplicate_fetch_percent": 0.1, "near_duplicate_percent": 1
      },
      "tests": [
        {"name": "host-ownership", "required": true, "scenario": "A fetcher is added under load",
          "expect": "No host is asked by two at the same time"},
        {"name": "mirror", "required": true, "scenario": "A site is mirrored under 5 names",
          "expect": "Recognised after few pages; stored once"},
        {"name": "trap", "scenario": "A calendar with endless \"next month\"",
          "expect": "It stops after a bound per host and pattern"}
      ],
      "hints": ["A lease per range of hosts, with an epoch.",
        "A hash finds equal pages, a simhash similar ones."],
      "approach": "Consistent hashing of hosts with leases, checksums and simhash on content,
        canonical links, bounds on depth and patterns.",
      "minutes": 20
    },
    {
      "goal": "A crawl runs for weeks: fetchers die, sites hang, disks fill.",
      "requirements": {
        "functional": ["After a crash, the crawl continues with at most 5 minutes repeated",
          "Sites that hang do not use up the fetchers"],
        "checkpoint_minutes": 5, "timeout_seconds": 30, "availability_percent": 99.5
      },
      "tests": [
        {"name": "fetcher-dies", "required": true, "scenario": "One of 20 fetchers dies",
          "expect": "Its hosts are taken over in a minute; at most 5 minutes of fetches are
            repeated"},
        {"name": "tarpit", "scenario": "2,000 hosts send a byte every 10 seconds",
          "expect": "Throughput falls by less than 5 %"},
        {"name": "bad-parser", "scenario": "A page crashes the parser",
          "expect": "It is skipped and recorded"}
      ],
      "hints": ["The frontier is the state of a crawl: where is it while a machine is dead?",
        "A bound on the whole fetch, not only between bytes."],
      "approach": "A durable frontier in a replicated store with leases on batches, total timeouts,
        parsing in separate processes, a list of failures.",
      "minutes": 20
    },
    {
      "goal": "Fetch what changed and matters, not everything again.",
      "requirements": {
        "functional": ["News pages are at most 10 minutes old, archives a month",
          "Save half of the traffic"],
        "fresh_minutes_top": 10, "traffic_saved_percent": 50, "important_coverage_percent": 99
      },
      "tests": [
        {"name": "freshness", "required": true, "scenario": "10,000 news pages change each hour",
          "expect": "95 % are fetched again within 10 minutes"},
        {"name": "unchanged", "scenario": "A page has not changed for a year",
          "expect": "It is asked for rarely, with If-None-Match"},
        {"name": "budget", "scenario": "Bandwidth is cut to half",
          "expect": "Important pages keep their freshness"}
      ],
      "hints": ["Estimate from past visits how often a page changes.",
        "A page's value times the chance of a change: sort by that."],
      "approach": "Change-rate estimation per page, priority by importance and expected change,
        conditional requests, sitemaps and feeds as hints.",
      "minutes": 25
    }
  ],
  "search-engine": [
    {
      "goal": "Find the articles that contain two words, best first.",
      "requirements": {
        "functional": ["Index title and body of 10,000 articles",
          "A query of several words returns those with all of them, ranked"],
        "documents": 10000, "queries_per_second": 5, "p99_ms": 200
      },
      "tests": [
        {"name": "both-words", "required": true, "scenario": "\"raft log\"",
          "expect": "Articles with both words; the one with more of them first"},
        {"name": "normal-form", "scenario": "\"Replicating\"",
          "expect": "It finds \"replicate\" as well"},
        {"name": "title-first", "scenario": "The word is in one title and in many bodies",
          "expect": "The title's article is first"}
      ],
      "hints": ["Turn it round: from words to documents.",
        "Two sorted lists are intersected by walking along both."],
      "approach": "An inverted index with positions, the same analysis for documents and queries,
        intersection of postings, BM25 with a weight for titles.",
      "minutes": 15
    },
    {
      "goal": "Five billion documents do not fit on one machine.",
      "requirements": {
        "functional": ["5 billion documents of 5 KB, 20,000 queries a second",
          "200 ms although every shard is asked"],
        "documents": 5000000000, "queries_per_second": 20000, "shards": 500, "p99_ms": 200
      },
      "tests": [
        {"name": "fan-out", "required": true, "scenario": "A query asks 500 shards",
          "expect": "p99 below 200 ms"},
        {"name": "sizing", "scenario": "The index is computed",
          "expect": "25 TB of text, an index of about 8 TB, 10 million documents a shard"}
      ],
      "hints": ["By document or by word: which split needs less talk between shards?",
        "The slowest of 500 shards answers for all."],
      "approach": "Shards by document, each with replicas; a broker merges the top results, with
        two-phase fetch and hedged requests.",
      "minutes": 20
    },
    {
      "goal": "An edited article is found with its new words and no longer with its old.",
      "requirements": {
        "functional": ["A change can be found within 5 seconds",
          "A query sees an article's old or new version, never both or none"],
        "visible_seconds": 5, "mixed_results": 0
      },
      "tests": [
        {"name": "update", "required": true, "scenario": "An article changes \"cat\" to \"dog\"",
          "expect": "After 5 seconds \"dog\" finds it and \"cat\" does not"},
        {"name": "paging", "required": true,
          "scenario": "Articles are added between page 1 and page 2",
          "expect": "No result appears on both pages"},
        {"name": "delete", "scenario": "An article is deleted for legal reasons",
          "expect": "Gone from every replica within 5 seconds"}
      ],
      "hints": ["Immutable segments plus a list of the deleted.",
        "Paging with a cursor over a snapshot does not slip."],
      "approach": "Immutable segments with a refresh each second, updates as delete plus add in one
        commit, point-in-time readers for paging.",
      "minutes": 20
    },
    {
      "goal": "Answer with what is left, and rebuild without a pause.",
      "requirements": {
        "functional": ["A dead replica changes nothing, a dead shard costs only its documents",
          "The whole index can be built anew while serving"],
        "availability_percent": 99.95, "rebuild_hours": 24, "partial_answer_percent": 99.8
      },
      "tests": [
        {"name": "shard-dead", "required": true,
          "scenario": "All replicas of one of 500 shards are dead",
          "expect": "Answers come with 99.8 % of the documents and say so"},
        {"name": "reindex", "required": true, "scenario": "The analysis changes",
          "expect": "A new index is built beside the old one and swapped without loss of updates"},
        {"name": "query-of-death", "scenario": "A wildcard query eats a node",
          "expect": "It is stopped after 2 seconds; others go on"}
      ],
      "hints": ["Is an answer without 0.2 % better than no answer?",
        "Changes during a rebuild must go into both."],
      "approach": "Replicas in three zones, partial answers with a note, rebuild from the source
        plus the change log with alias switch, limits per query.",
      "minutes": 20
    },
    {
      "goal": "Halve the work per query and rank with a model.",
      "requirements": {
        "functional": ["Most queries never score most documents",
          "A model re-ranks the best 200 within 50 ms"],
        "p50_ms": 30, "cpu_saved_percent": 50, "rerank": 200, "cache_hit_percent": 40
      },
      "tests": [
        {"name": "pruning", "required": true, "scenario": "A frequent and a rare word",
          "expect": "Few of the postings of the frequent one are decoded"},
        {"name": "cache", "scenario": "The most frequent 1 % of the queries",
          "expect": "40 % of all come from the cache, fresh within 5 seconds"},
        {"name": "quality", "scenario": "10,000 judged queries",
          "expect": "NDCG@10 rises by 5 % after re-ranking"}
      ],
      "hints": ["If a block cannot reach the present tenth place, skip it.",
        "A cheap ranking for all, an expensive one for few."],
      "approach": "Block-max WAND over impact bounds, tiers of documents by quality, a result cache
        invalidated by refresh, a learned second stage.",
      "minutes": 25
    }
  ],
  "proximity-service": [
    {
      "goal": "List the restaurants within a kilometre, nearest first.",
      "requirements": {
        "functional": ["nearby(lat, lon, radius) over 5,000 places",
          "Distances are right at the equator and in Oslo"],
        "places": 5000, "requests_per_second": 10, "p99_ms": 100
      },
      "tests": [
        {"name": "within-radius", "required": true, "scenario": "20 places at known distances",
          "expect": "Exactly those within 1,000 m, nearest first"},
        {"name": "date-line", "scenario": "Around 180° longitude", "expect": "Places on both sides"}
      ],
      "hints": ["A degree of longitude is shorter in Oslo.",
        "A box first, by index; the exact distance after that."],
      "approach": "A box query on an index over coordinates, then the haversine distance, filtered
        and sorted.",
      "minutes": 15
    },
    {
      "goal": "Two hundred million places and a hundred thousand searches a second.",
      "requirements": {
        "functional": ["Places are very dense in cities and rare elsewhere",
          "100,000 searches a second within 50 ms"],
        "places": 200000000, "searches_per_second": 100000, "p99_ms": 50, "index_gb": 20
      },
      "tests": [
        {"name": "dense-city", "required": true,
          "scenario": "Around Shibuya, 200,000 places within 1 km",
          "expect": "The 20 nearest in 50 ms"},
        {"name": "empty-region", "scenario": "In the Sahara, nothing within 50 km",
          "expect": "An empty answer after few steps"}
      ],
      "hints": ["A grid with equal cells is too full in Tokyo and empty in the Sahara.",
        "Cells that split when they are full adapt themselves."],
      "approach": "Geohash or S2 cells with adaptive depth (a quadtree), search of the cell and its
        neighbours outward, the whole index in memory on each replica.",
      "minutes": 20
    },
    {
      "goal": "Shops open, move and close while people search.",
      "requirements": {
        "functional": ["A change shows within a minute",
          "A place that moves is never found twice or not at all"],
        "visible_seconds": 60, "double_results": 0
      },
      "tests": [
        {"name": "move", "required": true,
          "scenario": "A place moves to another cell during 1,000 searches a second",
          "expect": "Each search finds it exactly once"},
        {"name": "opening-hours", "scenario": "A search at 17:59 and at 18:01",
          "expect": "A shop that closes at 18:00 is in the first answer only"},
        {"name": "two-owners", "scenario": "Two people edit one place",
          "expect": "The second learns of the first's edit"}
      ],
      "hints": ["Cell and place change in two shards: which order is harmless?",
        "Double finding can be removed by the reader; not finding cannot be repaired."],
      "approach": "Add to the new cell, then remove from the old, readers remove doubles by id and
        version; attributes joined at reading.",
      "minutes": 20
    },
    {
      "goal": "A region's shards fail on a Saturday evening.",
      "requirements": {
        "functional": ["Searches go on when a zone is lost", "Nearly right beats nothing"],
        "availability_percent": 99.95, "failover_seconds": 10
      },
      "tests": [
        {"name": "zone-loss", "required": true,
          "scenario": "A zone with a third of the replicas fails",
          "expect": "p99 stays below 100 ms"},
        {"name": "lost-shard", "required": true,
          "scenario": "All replicas of a cell range are dead",
          "expect": "Results from neighbouring ranges, and a note"},
        {"name": "bad-import", "scenario": "An import puts 10,000 places at 0°/0°",
          "expect": "It is refused by a check"}
      ],
      "hints": ["20 GB fits into memory: every replica can hold everything.",
        "A check of plausibility before publishing costs seconds."],
      "approach": "Full copies per zone built from snapshots and a change log, validation of
        imports, fallback to a coarser and older copy.",
      "minutes": 20
    },
    {
      "goal": "Use the fact that a million people search from the same square.",
      "requirements": {
        "functional": ["Answers from a cache for popular areas",
          "Rank by rating, price and distance without a second query"],
        "p99_ms": 20, "cache_hit_percent": 70, "cost_reduction_percent": 40
      },
      "tests": [
        {"name": "shared-answers", "required": true, "scenario": "1,000 people around one station",
          "expect": "Most answers come from the cell's cache, then sorted per person"},
        {"name": "ranking", "scenario": "\"Cheap and good\" within 2 km",
          "expect": "One pass over at most 2,000 candidates"},
        {"name": "moving-user", "scenario": "A user walks 30 m",
          "expect": "No new search on the server"}
      ],
      "hints": ["Round the position to a cell, fetch the cell's candidates, be exact on the
          client.",
        "Stop expanding when no farther place could win."],
      "approach": "Candidates cached per cell, exact distance and ranking at the end, attributes
        inline in the index, early termination.",
      "minutes": 20
    }
  ],
  "presence-service": [
    {
      "goal": "Show which of my contacts are online.",
      "requirements": {
        "functional": ["A connection means online; 30 seconds of silence mean offline",
          "Contacts see a change within 5 seconds"],
        "users": 1000, "contacts_per_user": 50, "timeout_seconds": 30
      },
      "tests": [
        {"name": "comes-and-goes", "required": true,
          "scenario": "Ana connects, then her network dies",
          "expect": "Contacts see online, and offline after 30 to 40 seconds"},
        {"name": "two-devices", "scenario": "Ana is on phone and laptop, the phone leaves",
          "expect": "Still online"}
      ],
      "hints": ["A goodbye may never come: what tells you that somebody is gone?",
        "Online is the union over devices."],
      "approach": "A heartbeat per device with expiry; a user is online while any device lives;
        changes are pushed to connected contacts.",
      "minutes": 15
    },
    {
      "goal": "Ten million people online, with two hundred contacts each.",
      "requirements": {
        "functional": ["Hold 10 million connections", "Fan out changes to those who look"],
        "connections": 10000000, "heartbeats_per_second": 330000, "changes_per_second": 50000,
        "memory_kb_per_connection": 10
      },
      "tests": [
        {"name": "sizing", "required": true, "scenario": "Connections and heartbeats are computed",
          "expect": "100 GB for connections, some 20 to 40 gateways"},
        {"name": "fan-out", "scenario": "50,000 changes × 200 contacts, a fifth of them online",
          "expect": "2,000,000 pushes a second, cut down by subscribing to visible ones"}
      ],
      "hints": ["Of 200 contacts, ten are on the screen.",
        "The connection itself can be the heartbeat; only its end is news."],
      "approach": "Gateways with 500,000 connections each, presence sharded by user, subscriptions
        for visible contacts only, batched pushes.",
      "minutes": 20
    },
    {
      "goal": "A phone in a tunnel flickers: show the truth without a light show.",
      "requirements": {
        "functional": ["Short losses below 10 seconds show nothing",
          "The last change wins although messages overtake each other"],
        "grace_seconds": 10, "convergence_seconds": 5
      },
      "tests": [
        {"name": "flicker", "required": true,
          "scenario": "A connection drops and returns 20 times in 2 minutes",
          "expect": "Contacts see no change"},
        {"name": "overtaken", "required": true,
          "scenario": "\"offline\" of the old connection arrives after \"online\" of the new",
          "expect": "Online"},
        {"name": "invisible", "scenario": "A user goes invisible",
          "expect": "No contact sees later signs of life"}
      ],
      "hints": ["Each connection needs a number; an old one may not speak for a new one.",
        "Wait a little before you say that somebody has left."],
      "approach": "Connection epochs per device, a grace period before offline, monotonic versions
        per user that readers compare.",
      "minutes": 20
    },
    {
      "goal": "A gateway with half a million connections crashes.",
      "requirements": {
        "functional": ["500,000 clients come back within 2 minutes without overloading the rest",
          "Presence is soft: it may be lost, and heals itself"],
        "reconnects_per_second": 10000, "recovery_seconds": 120, "availability_percent": 99.9
      },
      "tests": [
        {"name": "gateway-crash", "required": true, "scenario": "One of 20 gateways dies",
          "expect": "Clients return with spread delays; logins stay below 10,000 a second"},
        {"name": "store-lost", "scenario": "A presence shard restarts empty",
          "expect": "Right again after one heartbeat interval"},
        {"name": "partition", "scenario": "Two data centres lose contact",
          "expect": "Each shows the other's users as \"unknown\", not as offline"}
      ],
      "hints": ["Five hundred thousand clients that all return at once are an attack.",
        "Nothing needs to be restored that comes again by itself."],
      "approach": "Reconnects with jitter and tickets that spare the login, in-memory state refilled
        by heartbeats, unknown as a third state.",
      "minutes": 20
    },
    {
      "goal": "Batteries and bandwidth: say less.",
      "requirements": {
        "functional": ["Halve the messages to phones",
          "A contact list of 500 opens with right states in 100 ms"],
        "messages_saved_percent": 60, "open_p99_ms": 100, "background_wakeups_per_hour": 0
      },
      "tests": [
        {"name": "batching", "required": true, "scenario": "40 contacts change within 2 seconds",
          "expect": "One message"},
        {"name": "snapshot", "scenario": "A list with 500 contacts is opened",
          "expect": "One request, below 100 ms"},
        {"name": "background", "scenario": "The app is in the background",
          "expect": "No presence pushes at all"}
      ],
      "hints": ["Collect for a second or two; nobody notices.",
        "Pull a snapshot on opening, push while looking."],
      "approach": "Snapshot plus subscription with coalesced deltas, adaptive heartbeats, no pushes
        to the background, presence of large groups as counts.",
      "minutes": 20
    }
  ],
  "distributed-lock": [
    {
      "goal": "Let only one of several servers run the nightly export.",
      "requirements": {
        "functional": ["acquire(name, ttl), release(name) and who holds it",
          "A holder that dies does not block for ever"],
        "locks": 10, "requests_per_second": 20, "ttl_seconds": 30
      },
      "tests": [
        {"name": "exclusive", "required": true, "scenario": "10 servers acquire the same name",
          "expect": "One succeeds"},
        {"name": "holder-dies", "required": true, "scenario": "The holder is killed",
          "expect": "Another acquires it after at most 30 seconds"}
      ],
      "hints": ["A lock without an end outlives its holder.",
        "Release only what is yours: keep a random token with the lock."],
      "approach": "One row or key per lock with owner token and expiry, set if absent or expired in
        one atomic step, released by token.",
      "minutes": 15
    },
    {
      "goal": "A hundred thousand locks and ten thousand waiters.",
      "requirements": {
        "functional": ["Take and release 50,000 locks a second",
          "Waiters are woken up, they do not poll"],
        "locks": 100000, "operations_per_second": 50000, "waiters": 10000, "acquire_p99_ms": 10
      },
      "tests": [
        {"name": "waiters", "required": true, "scenario": "10,000 clients wait for one lock",
          "expect": "A release wakes one of them, not 10,000"},
        {"name": "throughput", "scenario": "50,000 operations a second on distinct locks",
          "expect": "p99 below 10 ms"}
      ],
      "hints": ["Locks of different names have nothing to do with each other: shard them.",
        "A queue of waiters wakes the next one only."],
      "approach": "Locks sharded by name over groups, a first-come queue per lock, long-lived
        sessions with heartbeats instead of a TTL per lock.",
      "minutes": 20
    },
    {
      "goal": "A paused holder wakes up and writes: make the lock protect anyway.",
      "requirements": {
        "functional": ["A write by somebody who has lost the lock is refused by the resource",
          "Two holders at a time are impossible, whatever clocks do"],
        "double_writes": 0, "pause_seconds": 60
      },
      "tests": [
        {"name": "long-pause", "required": true,
          "scenario": "The holder is paused for 60 seconds, another takes over, the first wakes up
            and writes",
          "expect": "The write is refused by its fencing number"},
        {"name": "clock-jump", "required": true,
          "scenario": "A server's clock jumps 5 minutes ahead", "expect": "No second holder"},
        {"name": "reentrant", "scenario": "The same session acquires twice",
          "expect": "As documented; the count or an error"}
      ],
      "hints": ["A lock service alone cannot stop a process that does not know the time.",
        "A number that grows with each grant lets the storage tell old from new."],
      "approach": "Fencing tokens from the service's log that the resource checks and remembers,
        leases on monotonic clocks, decisions by consensus.",
      "minutes": 25
    },
    {
      "goal": "The lock service itself fails: safe first, available second.",
      "requirements": {
        "functional": ["Correct with any two of five machines dead or cut off",
          "A new leader within 5 seconds"],
        "machines": 5, "tolerated_failures": 2, "election_seconds": 5, "availability_percent": 99.99
      },
      "tests": [
        {"name": "minority", "required": true,
          "scenario": "The leader is cut off with one other machine",
          "expect": "It grants nothing; the three others elect a leader"},
        {"name": "failover-keeps-locks", "required": true,
          "scenario": "The leader dies with 100,000 locks held",
          "expect": "All are still held by their owners afterwards"},
        {"name": "restart-all", "scenario": "All five restart",
          "expect": "Locks and fencing numbers are as before"}
      ],
      "hints": ["Copying asynchronously to a replica can lose a lock that was granted.",
        "A majority that has the entry on disk cannot forget it."],
      "approach": "A replicated log by Raft on five machines, sessions extended across an election,
        state from snapshot and log.",
      "minutes": 25
    },
    {
      "goal": "Ask less often: the cheapest lock is the one that you do not take.",
      "requirements": {
        "functional": ["Uncontended locks cost a microsecond after the first use", "Readers share"],
        "acquire_p99_ms": 1, "calls_saved_percent": 80, "readers": 1000
      },
      "tests": [
        {"name": "shared-readers", "required": true, "scenario": "1,000 readers and a writer",
          "expect": "Readers do not wait for each other; the writer is not starved"},
        {"name": "cached-lease", "scenario": "A client takes the same lock 1,000 times a minute",
          "expect": "One call to the service"},
        {"name": "no-lock-needed", "scenario": "Decrement stock on one row",
          "expect": "The design uses a conditional update instead"}
      ],
      "hints": ["A lease may stay with the client until somebody else asks for it.",
        "Compare-and-set in the database needs no lock service."],
      "approach": "Client-cached leases that are called back, shared and exclusive modes with a fair
        queue, conditional updates where one row is enough.",
      "minutes": 20
    }
  ],
  "distributed-scheduler": [
    {
      "goal": "Run \"send report\" at 9 every Monday, and others like it.",
      "requirements": {
        "functional": ["Cron expressions with time zones", "A list of past runs with results"],
        "schedules": 100, "runs_per_minute": 10, "delay_seconds": 5
      },
      "tests": [
        {"name": "monday-nine", "required": true,
          "scenario": "Monday 9:00 in Zurich, over a change to summer time",
          "expect": "One run at 9:00 local time"},
        {"name": "overlap", "scenario": "A run takes longer than its interval",
          "expect": "As chosen: skip, wait or run beside"}
      ],
      "hints": ["Store the next time of each schedule, and look for those that are due.",
        "Summer time has an hour twice and an hour never."],
      "approach": "A table of schedules with next_run_at in UTC, computed from expression and zone
        after each run; a loop takes what is due.",
      "minutes": 15
    },
    {
      "goal": "Ten million timers, and the whole world likes midnight.",
      "requirements": {
        "functional": ["10 million schedules, 500,000 of them due at 00:00 UTC",
          "Start within 10 seconds of the due time"],
        "schedules": 10000000, "peak_due": 500000, "start_delay_seconds": 10,
        "average_per_second": 3000
      },
      "tests": [
        {"name": "midnight", "required": true, "scenario": "500,000 are due in the same second",
          "expect": "All are started within 10 seconds"},
        {"name": "far-future", "scenario": "100 million one-shot timers within a year",
          "expect": "No scan of all of them; due ones are found by an index"}
      ],
      "hints": ["Partition timers by shard and minute; fetch the next minutes ahead.",
        "A timing wheel finds the due ones in constant time."],
      "approach": "Timers in buckets (shard, minute), schedulers preload the next 5 minutes into a
        timing wheel and hand due runs to a queue.",
      "minutes": 20
    },
    {
      "goal": "Two schedulers both believe they own Monday 9:00.",
      "requirements": {
        "functional": ["Each due time yields one run, not two",
          "A changed schedule never runs at its old time"],
        "duplicate_runs": 0, "missed_runs": 0
      },
      "tests": [
        {"name": "split-brain", "required": true,
          "scenario": "A paused scheduler wakes up and fires its list",
          "expect": "The runs exist already; nothing happens twice"},
        {"name": "edited", "required": true, "scenario": "9:00 is changed to 10:00 at 8:59:59",
          "expect": "Either one run at 9:00 and the next at 10:00 tomorrow, or one at 10:00; not
            both today"},
        {"name": "delete-race", "scenario": "A schedule is deleted while it is handed over",
          "expect": "The run is cancelled or complete, as recorded"}
      ],
      "hints": ["Give a run a name that follows from schedule and due time.",
        "Whoever inserts the name first runs it."],
      "approach": "Run id = (schedule, due time) with a unique key, shard leases with fencing,
        schedule versions checked when the run starts.",
      "minutes": 25
    },
    {
      "goal": "The scheduler was down from 2 to 3: what about the runs in between?",
      "requirements": {
        "functional": ["Missed runs are made up or skipped, as each schedule says",
          "A dead scheduler's shards run elsewhere within 15 seconds"],
        "takeover_seconds": 15, "availability_percent": 99.95, "catch_up_per_second": 1000
      },
      "tests": [
        {"name": "outage", "required": true, "scenario": "The service is away from 2:00 to 3:00",
          "expect": "\"once\" runs one time, \"all\" each missed time, \"skip\" none"},
        {"name": "takeover", "required": true, "scenario": "One of 10 schedulers dies",
          "expect": "Its due runs start at most 25 seconds late"},
        {"name": "storm", "scenario": "400,000 runs are to be made up",
          "expect": "At most 1,000 a second, current ones first"}
      ],
      "hints": ["Compare last run and now, not only now.",
        "New work before old work, or you will be late all day."],
      "approach": "Shard leases with takeover, a misfire policy per schedule, catch-up with limited
        rate and lower priority.",
      "minutes": 20
    },
    {
      "goal": "Half a second of precision, and a smoother midnight.",
      "requirements": {
        "functional": ["Urgent timers start within 500 ms",
          "\"About midnight\" may be spread over 10 minutes"],
        "p99_ms": 500, "peak_reduction_percent": 90, "idle_cost_reduction_percent": 50
      },
      "tests": [
        {"name": "precise", "required": true, "scenario": "10,000 urgent timers a second",
          "expect": "p99 of the delay below 500 ms"},
        {"name": "spread", "required": true, "scenario": "450,000 of 500,000 allow a window",
          "expect": "The peak falls by 90 %; each keeps its own minute every day"},
        {"name": "capacity", "scenario": "A run needs 4 GB",
          "expect": "It waits for a worker that has them"}
      ],
      "hints": ["A hash of the schedule gives a steady place in the window.",
        "Push the due runs; do not let workers poll."],
      "approach": "Windows with a stable offset by hash, wheels in memory with pushes to workers,
        classes of urgency, placement by resources.",
      "minutes": 20
    }
  ],
  "event-sourcing": [
    {
      "goal": "Keep an account as a list of what happened to it, not as a balance.",
      "requirements": {
        "functional": ["Commands become events; the state is computed from them",
          "The account of any moment in the past can be shown"],
        "accounts": 1000, "events_per_second": 20
      },
      "tests": [
        {"name": "balance", "required": true, "scenario": "100, −30, +5",
          "expect": "75, and 70 after the second event"},
        {"name": "refused", "required": true, "scenario": "−200 on a balance of 75",
          "expect": "No event, an error"}
      ],
      "hints": ["An event is a fact: past tense, never changed.",
        "Merge the events over an empty state."],
      "approach": "An append-only events table with key (account, version); state is a merge; a
        command checks the state, then appends.",
      "minutes": 15
    },
    {
      "goal": "A hundred million accounts with up to a million events each.",
      "requirements": {
        "functional": ["Load any account in 20 ms", "Take 20,000 events a second"],
        "accounts": 100000000, "events_per_second": 20000, "events_total": 50000000000,
        "load_p99_ms": 20
      },
      "tests": [
        {"name": "long-history", "required": true, "scenario": "An account with 1 million events",
          "expect": "It is loaded within 20 ms from a snapshot and the rest"},
        {"name": "storage", "scenario": "50 billion events of 200 bytes",
          "expect": "10 TB, partitioned by account"}
      ],
      "hints": ["Need the merge begin at zero each time?",
        "A snapshot is a cache: it may be thrown away."],
      "approach": "Snapshots every 100 events, partitions by account, read models for lists,
        archives of old events behind a snapshot.",
      "minutes": 20
    },
    {
      "goal": "Two withdrawals at once, and a read model that lags behind.",
      "requirements": {
        "functional": ["An account never goes below zero", "Who has just paid sees it"],
        "overdrafts": 0, "read_model_delay_ms": 500
      },
      "tests": [
        {"name": "two-withdrawals", "required": true,
          "scenario": "Two withdrawals of 60 from 100, in the same millisecond",
          "expect": "One succeeds, one is refused"},
        {"name": "own-write", "required": true, "scenario": "Pay, then open the list at once",
          "expect": "The payment is there"},
        {"name": "retry", "scenario": "A command is sent twice with its id", "expect": "One event"}
      ],
      "hints": ["Append \"version 8\" only if 7 is the last.",
        "The answer to a command can say from which version on a reader should read."],
      "approach": "Optimistic concurrency by expected version, command ids in the stream, readers
        that wait for a version.",
      "minutes": 25
    },
    {
      "goal": "A projection was wrong for a month: rebuild it while everyone works.",
      "requirements": {
        "functional": ["Rebuild a read model of 50 billion events beside the old one",
          "No acknowledged event is lost"],
        "rebuild_hours": 12, "events_per_second": 1200000, "lost_events": 0,
        "availability_percent": 99.95
      },
      "tests": [
        {"name": "rebuild", "required": true, "scenario": "A faulty projection is replaced",
          "expect": "The new one is built within 12 hours, switched at once, without a gap"},
        {"name": "leader-dies", "required": true,
          "scenario": "The leader of a partition dies after a confirmation",
          "expect": "The event is on the new leader"},
        {"name": "poison-event", "scenario": "A projection fails on one event",
          "expect": "It stops there with an alarm; others go on"}
      ],
      "hints": ["Events are the truth, projections are disposable.",
        "50 billion in 12 hours is 1.2 million a second: in parallel by account."],
      "approach": "Synchronous replication, versioned projections built in parallel from the archive
        then the live log, blue-green switch, positions stored with the projection.",
      "minutes": 25
    },
    {
      "goal": "Ten years of event formats, privacy, and less storage.",
      "requirements": {
        "functional": ["Events of 2015 are still understood",
          "A person's data can be erased although events never change"],
        "schema_versions": 40, "storage_saved_percent": 60, "erase_days": 30
      },
      "tests": [
        {"name": "old-event", "required": true,
          "scenario": "An event of version 1 is read by code of version 9",
          "expect": "It is converted on reading, in steps"},
        {"name": "erase", "required": true, "scenario": "A user asks to be forgotten",
          "expect": "The personal data are unreadable in all copies, balances still add up"},
        {"name": "archive", "scenario": "Accounts closed for 5 years",
          "expect": "In cold storage, readable within minutes"}
      ],
      "hints": ["Convert when reading, never rewrite.", "Throw away the key instead of the text."],
      "approach": "Upcasters per version, a key per person for personal fields (crypto-shredding),
        columnar compressed archives.",
      "minutes": 20
    }
  ],
  "change-data-capture": [
    {
      "goal": "Send every committed change of a table to a search index.",
      "requirements": {
        "functional": ["Inserts, updates and deletes arrive as events with old and new values",
          "What was rolled back is never sent"],
        "tables": 1, "changes_per_second": 10, "delay_seconds": 5
      },
      "tests": [
        {"name": "three-kinds", "required": true,
          "scenario": "A row is inserted, changed and deleted",
          "expect": "Three events in this order"},
        {"name": "rollback", "required": true, "scenario": "A transaction is rolled back",
          "expect": "No event"}
      ],
      "hints": ["Polling by updated_at misses deletes. What does the database itself use to
          replicate?",
        "The write-ahead log has committed changes in commit order."],
      "approach": "Logical decoding of the write-ahead log by one connector, events keyed by primary
        key, position stored after delivery.",
      "minutes": 15
    },
    {
      "goal": "Two hundred tables and thirty thousand changes a second.",
      "requirements": {
        "functional": ["Keep up with 30,000 changes a second, bursts of 100,000",
          "Load existing rows first: 2 TB, without stopping writers"],
        "tables": 200, "changes_per_second": 30000, "burst_per_second": 100000, "snapshot_tb": 2
      },
      "tests": [
        {"name": "snapshot-under-load", "required": true,
          "scenario": "A 500 GB table is loaded while it changes",
          "expect": "The copy equals the table at the end"},
        {"name": "burst", "scenario": "10 minutes of 100,000 changes a second",
          "expect": "Delay below 5 minutes, back to seconds 10 minutes later"}
      ],
      "hints": ["Read the table in chunks of keys between two marks in the log.",
        "A change that came during a chunk beats the chunk's row."],
      "approach": "Chunked snapshot with low and high watermarks in the log, events partitioned by
        key, compaction of topics.",
      "minutes": 20
    },
    {
      "goal": "The copy must be the table: no gap, no wrong order, no half transaction.",
      "requirements": {
        "functional": ["Events of one row arrive in commit order",
          "Consumers can apply a transaction as a whole"],
        "lost_events": 0, "reordered_per_key": 0
      },
      "tests": [
        {"name": "restart-anywhere", "required": true,
          "scenario": "The connector is killed 100 times",
          "expect": "The copy equals the table; repeats are harmless"},
        {"name": "transaction", "required": true, "scenario": "A transfer changes two rows",
          "expect": "A consumer that wants to, applies both together"},
        {"name": "same-key", "scenario": "One row is changed 1,000 times",
          "expect": "The last event is the row"}
      ],
      "hints": ["At-least-once plus the log position as version makes applying idempotent.",
        "A marker at the end of a transaction tells how many events belong to it."],
      "approach": "Positions (commit LSN, sequence) as versions that sinks compare, transaction
        markers, offsets stored after the sink's confirmation.",
      "minutes": 25
    },
    {
      "goal": "The connector stops for a night, the database's disk fills, the leader changes.",
      "requirements": {
        "functional": ["A dead connector must not fill the database's disk",
          "After a failover of the database nothing is missing"],
        "retained_log_gb": 200, "failover_seconds": 60, "lost_events": 0
      },
      "tests": [
        {"name": "connector-down", "required": true, "scenario": "Away for 10 hours",
          "expect": "The log is kept up to 200 GB, then given up with an alarm and a new snapshot"},
        {"name": "failover", "required": true, "scenario": "The database's leader dies",
          "expect": "Capture goes on from the new leader, without a gap"},
        {"name": "schema-change", "scenario": "A column is renamed",
          "expect": "Events before and after can be read with their schemas"}
      ],
      "hints": ["The slot must exist on the machine that takes over.",
        "A schema belongs to an event, by version."],
      "approach": "Failover-safe slots, a bound on retained log with automatic re-snapshot, schemas
        by version in a registry.",
      "minutes": 25
    },
    {
      "goal": "A second from commit to index, without the database feeling it.",
      "requirements": {
        "functional": ["p99 of the delay below a second",
          "Capture takes at most 3 % of the database's processor"],
        "delay_p99_ms": 1000, "source_cpu_percent": 3, "network_saved_percent": 60
      },
      "tests": [
        {"name": "delay", "required": true, "scenario": "30,000 changes a second",
          "expect": "p99 below a second, measured with heartbeats"},
        {"name": "filter", "scenario": "10 of 200 tables and 5 of 80 columns are wanted",
          "expect": "The rest does not leave the database's network"},
        {"name": "big-transaction", "scenario": "A transaction changes 50 million rows",
          "expect": "Others' events are not delayed by minutes"}
      ],
      "hints": ["A heartbeat row tells the delay even when nothing happens.",
        "Huge transactions can be streamed before they commit, and dropped if they do not."],
      "approach": "Filters at the decoder, streaming of transactions in progress, batches with
        compression, heartbeat tables, parallel sinks by key.",
      "minutes": 20
    }
  ],
  "sharded-database": [
    {
      "goal": "Split a table of customers over two databases without the application noticing.",
      "requirements": {
        "functional": ["Queries by customer go to one shard",
          "Every row of a customer lies on the same shard"],
        "shards": 2, "customers": 10000, "queries_per_second": 100
      },
      "tests": [
        {"name": "routing", "required": true, "scenario": "Orders of customer 17",
          "expect": "One shard is asked"},
        {"name": "all-customers", "scenario": "Count all orders",
          "expect": "Both shards are asked, the sum is right"}
      ],
      "hints": ["What do nearly all queries have in common?",
        "A router needs a function or a table from key to shard."],
      "approach": "Customer id as shard key for all its tables, hashed into 1,024 buckets, a map of
        buckets to databases, a router in between.",
      "minutes": 15
    },
    {
      "goal": "Twenty terabytes and sixty thousand writes a second.",
      "requirements": {
        "functional": ["20 TB, 60,000 writes a second, 30 shards",
          "One customer has 4 % of all rows"],
        "data_tb": 20, "writes_per_second": 60000, "shards": 30, "largest_customer_percent": 4
      },
      "tests": [
        {"name": "balance", "required": true, "scenario": "Rows and writes per shard",
          "expect": "The fullest has at most 1.3 times the average"},
        {"name": "whale", "scenario": "The customer with 4 %",
          "expect": "Gets a shard of its own or is split by a second key"}
      ],
      "hints": ["4 % of 20 TB is 800 GB: more than the 667 GB of an average shard.",
        "Many small buckets can be placed, few large ones cannot."],
      "approach": "4,096 buckets placed by measured size and load, a directory with exceptions for
        whales, per-shard indexes.",
      "minutes": 25
    },
    {
      "goal": "A transfer between customers on two shards, and a unique e-mail address over all.",
      "requirements": {
        "functional": ["Money is on exactly one side at any moment, seen by any reader of the
            balance",
          "No two customers with one e-mail address"],
        "lost_money": 0, "duplicate_emails": 0
      },
      "tests": [
        {"name": "cross-shard", "required": true, "scenario": "A crash between debit and credit",
          "expect": "After recovery both or neither"},
        {"name": "unique-email", "required": true,
          "scenario": "20 sign-ups with one address on different shards", "expect": "One succeeds"},
        {"name": "read-snapshot", "scenario": "A report over all shards during transfers",
          "expect": "The sum is constant"}
      ],
      "hints": ["Two-phase commit, or a saga with a visible \"in transit\": who waits for whom?",
        "A global index is itself a sharded table, keyed by the address."],
      "approach": "Two-phase commit with a replicated coordinator for the few cross-shard cases, an
        e-mail table sharded by address with reservation, snapshots by timestamp.",
      "minutes": 25
    },
    {
      "goal": "Move a bucket while customers write to it.",
      "requirements": {
        "functional": ["Moving 50 GB stops writes of its customers for under a second",
          "A lost shard leaves the other 29 alone"],
        "move_pause_ms": 1000, "availability_percent": 99.95, "failover_seconds": 20
      },
      "tests": [
        {"name": "move-bucket", "required": true,
          "scenario": "50 GB move under 2,000 writes a second",
          "expect": "No row lost or doubled, pause below a second"},
        {"name": "stale-router", "required": true,
          "scenario": "A router with an old map writes to the old shard",
          "expect": "It is refused and learns the new map"},
        {"name": "shard-down", "scenario": "A shard's leader dies",
          "expect": "Its replica takes over in 20 seconds; 97 % of the customers notice nothing"}
      ],
      "hints": ["Copy, follow the log, stop for a moment, switch.",
        "Number the map; a shard refuses what is not (or no longer) its own."],
      "approach": "Copy plus replication per bucket, a short write stretch, switch in the versioned
        map, epochs checked by the shards.",
      "minutes": 25
    },
    {
      "goal": "Fan-out is expensive: make the common queries touch one shard.",
      "requirements": {
        "functional": ["95 % of the queries touch one shard", "Reports do not slow down customers"],
        "single_shard_percent": 95, "p99_ms": 15, "report_impact_percent": 5
      },
      "tests": [
        {"name": "query-mix", "required": true, "scenario": "A day of real queries",
          "expect": "95 % touch one shard"},
        {"name": "order-by-number", "scenario": "Orders are looked up by order number",
          "expect": "One shard: the number contains the bucket"},
        {"name": "report", "scenario": "A scan over all shards at noon",
          "expect": "Customers' p99 rises by at most 5 %"}
      ],
      "hints": ["An id can carry its shard.", "Small tables may be copied to every shard."],
      "approach": "Bucket numbers inside ids, reference tables replicated everywhere, global indexes
        for the rest, reports on replicas or a warehouse.",
      "minutes": 20
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
