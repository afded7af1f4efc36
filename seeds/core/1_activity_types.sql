-- Activity types that products share beyond those that Laurel's own triggers write
-- (migrations bring those).
-- A deployment's changes stay: rows that are there are left alone.
insert into learn.activity_types (key, description, is_qualifying, happens_once) values
  ('discussion_posted', 'The user started a discussion.', false, true),
  ('reply_posted', 'The user replied in a discussion.', false, true),
  ('solution_accepted', 'A reply of the user was accepted as the solution.', false, true)
on conflict (key) do nothing;
