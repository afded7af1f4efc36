-- The skill tree: five branches of four skills. A level costs more, the deeper the skill lies.
select learn_internal.use_product('progressive_flow');

with rows(slug, name, category, xp_per_level, description) as (values
  ('api-design', 'API design', 'communication', 100,
    'Say what a service takes, gives and refuses, so that a retry does no harm.'),
  ('load-balancing', 'Load balancing', 'communication', 150,
    'Spread work over many servers and take the dead ones out.'),
  ('messaging', 'Messaging', 'communication', 150,
    'Let services work at their own pace with queues, logs and acknowledgements.'),
  ('realtime-delivery', 'Real-time delivery', 'communication', 200,
    'Push to millions of open connections, in order and without storms.'),

  ('data-modelling', 'Data modelling', 'storage', 100,
    'Choose keys, rows and documents by the questions that will be asked.'),
  ('indexing', 'Indexing', 'storage', 150,
    'Find rows by key, range, word or place without reading all of them.'),
  ('storage-engines', 'Storage engines', 'storage', 200,
    'Know what B-trees, LSM-trees and columns make cheap, and at what price.'),
  ('transactions', 'Transactions', 'storage', 150,
    'All or nothing, and nobody else''s half-done work, at the isolation that is needed.'),

  ('partitioning', 'Partitioning', 'distribution', 100,
    'Split data over machines evenly, and move the parts while they are in use.'),
  ('replication', 'Replication', 'distribution', 150,
    'Keep copies in step, and know how far behind each may be.'),
  ('consistency-models', 'Consistency models', 'distribution', 200,
    'Tell what a reader may see: linearizable, causal or, in the end, the same.'),
  ('consensus', 'Consensus', 'distribution', 250,
    'Make machines agree although some of them are silent.'),

  ('failure-detection', 'Failure detection', 'reliability', 100,
    'Tell slow from dead with heartbeats, timeouts and a second opinion.'),
  ('fault-tolerance', 'Fault tolerance', 'reliability', 150,
    'Retries with limits, breakers, bulkheads and a plan for less.'),
  ('observability', 'Observability', 'reliability', 150,
    'Metrics, logs and traces that answer questions nobody thought of before.'),
  ('disaster-recovery', 'Disaster recovery', 'reliability', 200,
    'Lose a region, or a week to a bug, and be back within what was promised.'),

  ('capacity-estimation', 'Capacity estimation', 'performance', 100,
    'Requests, bytes and cores on the back of an envelope, before anything is built.'),
  ('caching', 'Caching', 'performance', 150,
    'Keep what is asked for again near to those who ask, and forget it in time.'),
  ('tail-latency', 'Tail latency', 'performance', 200,
    'Care for the slowest percent: hedging, queues, hot keys and stampedes.'),
  ('cost-optimization', 'Cost optimisation', 'performance', 150,
    'The same promise for half the money: tiers, batches and approximations.')
)
select learn_internal.merge_rows(
  'learn.skills', '{slug}', jsonb_agg(to_jsonb(r))) as skills
from rows r;

-- What has to be learned first. One of these is the skill's parent: there it hangs in the tree.
with edges(skill, prerequisite, is_parent) as (
  values
    ('load-balancing', 'api-design', true),
    ('messaging', 'api-design', true),
    ('realtime-delivery', 'messaging', true), ('realtime-delivery', 'load-balancing', false),
    ('indexing', 'data-modelling', true),
    ('storage-engines', 'indexing', true), ('storage-engines', 'capacity-estimation', false),
    ('transactions', 'data-modelling', true), ('transactions', 'api-design', false),
    ('replication', 'partitioning', true), ('replication', 'failure-detection', false),
    ('consistency-models', 'replication', true), ('consistency-models', 'transactions', false),
    ('consensus', 'consistency-models', true), ('consensus', 'fault-tolerance', false),
    ('fault-tolerance', 'failure-detection', true), ('fault-tolerance', 'load-balancing', false),
    ('observability', 'failure-detection', true),
    ('disaster-recovery', 'fault-tolerance', true), ('disaster-recovery', 'replication', false),
    ('caching', 'capacity-estimation', true),
    ('tail-latency', 'caching', true), ('tail-latency', 'load-balancing', false),
    ('tail-latency', 'observability', false),
    ('cost-optimization', 'capacity-estimation', true),
    ('cost-optimization', 'data-modelling', false)
), rows(skill_id, prerequisite_skill_id, slug, name, is_parent) as (
select s.id, p.id, s.slug, s.name, e.is_parent
from edges e
left join learn.skills s on s.slug = e.skill
left join learn.skills p on p.slug = e.prerequisite
)
select
  learn_internal.merge_rows(
    'learn.skills', '{slug}',
    jsonb_agg(jsonb_build_object('slug', r.slug, 'name', r.name, 'parent_skill_id', r.prerequisite_skill_id))
      filter (where r.is_parent)) as parents,
  learn_internal.merge_rows(
    'learn.skill_prerequisites', '{skill_id,prerequisite_skill_id}',
    jsonb_agg(jsonb_build_object(
      'skill_id', r.skill_id, 'prerequisite_skill_id', r.prerequisite_skill_id))) as skill_prerequisites
from rows r;
