-- The three tracks of Progressive Flow; each asks for the one before it. Their hours are the sum of
-- their challenges'. Seeding again brings the texts up to date; whether a track is published and
-- what its completion pays stay as the deployment has them.
insert into learn.tracks as t (slug, title, description, difficulty, estimated_hours, position)
values
  ('fundamentals', 'Fundamentals',
    'Small services that every large system is made of: sixteen designs with one idea each, from '
    'a URL shortener to search suggestions.', 'fundamentals', 26, 1),
  ('concepts', 'Concepts',
    'The building blocks of distributed systems: queues, caches, indexes, locks and logs over '
    'many machines, twenty-one of them.', 'concepts', 36, 2),
  ('systems', 'Systems',
    'Twenty-four whole products put together from what came before: feeds, chats, payments, '
    'exchanges and a database around the world.', 'systems', 60, 3)
on conflict (slug) do update
  set title = excluded.title, description = excluded.description,
    difficulty = excluded.difficulty, estimated_hours = excluded.estimated_hours,
    position = excluded.position
  where (t.title, t.description, t.difficulty, t.estimated_hours, t.position)
    is distinct from (excluded.title, excluded.description, excluded.difficulty,
      excluded.estimated_hours, excluded.position);

insert into learn.track_prerequisites (track_id, prerequisite_track_id)
select t.id, p.id
from (values ('concepts', 'fundamentals'), ('systems', 'concepts')) e(track, prerequisite)
left join learn.tracks t on t.slug = e.track
left join learn.tracks p on p.slug = e.prerequisite
on conflict do nothing;
