-- Undoes migration12.sql.

set role learn_owner;

drop table learn.course_ratings;
drop table learn.user_level_unlocks;
drop table learn.user_course_progress;
drop index learn.user_lesson_progress_recent;
alter table learn.lessons
  drop constraint translations_are_texts,
  add constraint translations_are_an_object check (jsonb_typeof(translations) = 'object'),
  drop column is_available,
  drop column course_level_id,
  drop column course_id;
drop index learn.lessons_content;
comment on column learn.lessons.sequence_number is null;
comment on column learn.lessons.translations is null;
drop table learn.course_levels;
drop table learn.course_prerequisites;
drop table learn.courses;
drop function learn_internal.is_translations(jsonb);
alter table learn.platform_settings drop constraint level_completion_policy_is_known;
delete from learn.platform_settings where key = 'level_completion_policy';

reset role;
