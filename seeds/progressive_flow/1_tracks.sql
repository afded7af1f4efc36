-- The three tracks of Progressive Flow; each asks for the one before it. Their hours are the sum of
-- their challenges'. Seeding again brings the texts up to date; whether a track is published and
-- what its completion pays stay as the deployment has them.
select learn_internal.use_product('progressive_flow');

with rows(slug, title, description, difficulty, estimated_hours, position) as (values
  ('fundamentals', 'Fundamentals',
    'Small services that every large system is made of: sixteen designs with one idea each, from '
    'a URL shortener to search suggestions.', 'fundamentals', 26, 1),
  ('concepts', 'Concepts',
    'The building blocks of distributed systems: queues, caches, indexes, locks and logs over '
    'many machines, twenty-one of them.', 'concepts', 36, 2),
  ('systems', 'Systems',
    'Twenty-four whole products put together from what came before: feeds, chats, payments, '
    'exchanges and a database around the world.', 'systems', 60, 3)
)
select learn_internal.merge_rows(
  'learn.tracks', '{slug}', jsonb_agg(to_jsonb(r))) as tracks
from rows r;

with rows(track_id, prerequisite_track_id) as (
select t.id, p.id
from (values ('concepts', 'fundamentals'), ('systems', 'concepts')) e(track, prerequisite)
left join learn.tracks t on t.slug = e.track
left join learn.tracks p on p.slug = e.prerequisite
)
select learn_internal.merge_rows(
  'learn.track_prerequisites', '{track_id,prerequisite_track_id}',
  jsonb_agg(to_jsonb(r))) as track_prerequisites
from rows r;
