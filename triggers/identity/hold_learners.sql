-- Before rows are written that belong to learners, or that say who they are: content is held, before PostgreSQL
-- locks the users that they refer to. So who deletes users waits for who is writing, and the other way round.
-- Tables of which more is to say have such a trigger (…_hold) among their own.
create or replace trigger hold_learners
  before insert on learn.activity_log
  for each statement execute function learn_internal.hold_content_first();

create or replace trigger hold_learners
  before insert or update on learn.course_ratings
  for each statement execute function learn_internal.hold_content_first();

create or replace trigger hold_learners
  before insert or update on learn.discussion_votes
  for each statement execute function learn_internal.hold_content_first();

create or replace trigger hold_learners
  before insert or update on learn.drawn_quizzes
  for each statement execute function learn_internal.hold_content_first();

create or replace trigger hold_learners
  before insert or update on learn.hint_usage
  for each statement execute function learn_internal.hold_content_first();

create or replace trigger hold_learners
  before delete on learn.idempotency_keys
  for each statement execute function learn_internal.hold_content_first();

create or replace trigger hold_learners
  before insert or update on learn.learning_sessions
  for each statement execute function learn_internal.hold_content_first();

create or replace trigger hold_learners
  before insert or update on learn.notifications
  for each statement execute function learn_internal.hold_content_first();

create or replace trigger hold_learners
  before insert or update on learn.user_answers
  for each statement execute function learn_internal.hold_content_first();

create or replace trigger hold_learners
  before insert or update on learn.users
  for each statement execute function learn_internal.hold_content_first();
