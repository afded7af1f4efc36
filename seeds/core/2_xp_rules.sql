-- What facts pay. A deployment's changes stay: rows that are there are left alone.
insert into learn.xp_rules (activity_type, amount) values
  ('exercise_solved', 10),
  ('exercise_solved_first_try', 5),
  ('lesson_completed', 50),
  ('lesson_perfect', 20),
  ('track_completed', 200),
  ('question_answered_correctly', 10),
  ('quiz_perfect', 20)
on conflict (activity_type) do nothing;
