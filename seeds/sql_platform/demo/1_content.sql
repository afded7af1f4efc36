-- Sample content: a learning path of three tracks with eight lessons.
select learn_internal.use_product('sql_platform');

insert into learn.learning_paths (slug, title, description) values
  ('sql-from-zero', 'SQL from Zero', 'From the first SELECT to joins and groups.')
on conflict (slug) do nothing;

insert into learn.tracks (slug, title, description, difficulty, estimated_hours, position) values
  ('select-basics', 'SELECT basics', 'Reading rows and columns.', 'beginner', 1.5, 1),
  ('filtering-and-sorting', 'Filtering and sorting',
    'WHERE, ORDER BY and LIMIT.', 'beginner', 2, 2),
  ('joins-and-groups', 'Joins and groups',
    'Several tables, and sums over them.', 'intermediate', 3, 3)
on conflict (slug) do nothing;

insert into learn.learning_path_tracks (path_id, track_id, position)
select p.id, t.id, t.position
from learn.learning_paths p
join learn.tracks t on t.slug in ('select-basics', 'filtering-and-sorting', 'joins-and-groups')
where p.slug = 'sql-from-zero'
on conflict do nothing;

insert into learn.track_prerequisites (track_id, prerequisite_track_id)
select t.id, p.id
from (values
  ('filtering-and-sorting', 'select-basics'), ('joins-and-groups', 'filtering-and-sorting')
) e(track, prerequisite)
join learn.tracks t on t.slug = e.track
join learn.tracks p on p.slug = e.prerequisite
on conflict do nothing;

insert into learn.lessons (slug, title, lesson_type, content, difficulty, estimated_minutes) values
  ('what-is-a-table', 'What is a table?', 'text',
    '{"body": "Rows, columns and types."}', 'beginner', 5),
  ('choose-columns', 'Choosing columns', 'practice',
    '{"body": "SELECT and FROM."}', 'beginner', 10),
  ('rename-columns', 'Naming what you select', 'practice',
    '{"body": "AS and expressions."}', 'beginner', 10),
  ('where', 'Filtering with WHERE', 'practice',
    '{"body": "Comparisons, AND and OR."}', 'beginner', 15),
  ('order-and-limit', 'Sorting and the first rows', 'practice',
    '{"body": "ORDER BY and LIMIT."}', 'beginner', 15),
  ('nulls', 'When a value is missing', 'practice',
    '{"body": "NULL, IS NULL and COALESCE."}', 'beginner', 15),
  ('inner-join', 'Joining two tables', 'practice', '{"body": "INNER JOIN."}', 'intermediate', 20),
  ('group-by', 'Counting and adding up', 'practice',
    '{"body": "GROUP BY and HAVING."}', 'intermediate', 25)
on conflict (slug) do nothing;

insert into learn.track_lessons (track_id, lesson_id, position)
select t.id, l.id, e.position
from (values
  ('select-basics', 'what-is-a-table', 1), ('select-basics', 'choose-columns', 2),
  ('select-basics', 'rename-columns', 3),
  ('filtering-and-sorting', 'where', 1), ('filtering-and-sorting', 'order-and-limit', 2),
  ('filtering-and-sorting', 'nulls', 3),
  ('joins-and-groups', 'inner-join', 1), ('joins-and-groups', 'group-by', 2)
) e(track, lesson, position)
join learn.tracks t on t.slug = e.track
join learn.lessons l on l.slug = e.lesson
on conflict do nothing;

insert into learn.exercises (lesson_id, position, prompt)
select l.id, e.position, e.prompt
from (values
  ('choose-columns', 1, 'Show the name and the price of every product.'),
  ('choose-columns', 2, 'Show all columns of the table customers.'),
  ('rename-columns', 1, 'Show every product''s price with 20 % tax as price_with_tax.'),
  ('where', 1, 'Show the products that cost less than 10.'),
  ('where', 2, 'Show the customers from Manila or Lisbon.'),
  ('order-and-limit', 1, 'Show the five most expensive products, dearest first.'),
  ('nulls', 1, 'Show the customers without an email address.'),
  ('inner-join', 1, 'Show every order with the name of its customer.'),
  ('inner-join', 2, 'Show every order line with the name of its product.'),
  ('group-by', 1, 'Show how many orders each customer has placed.'),
  ('group-by', 2, 'Show the customers who have spent more than 100.')
) e(lesson, position, prompt)
join learn.lessons l on l.slug = e.lesson
where not exists (
  select from learn.exercises x where x.lesson_id = l.id and x.position = e.position)
order by l.id, e.position;
