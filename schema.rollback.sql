-- Undoes schema.sql, and with it the last of Laurel in this database: everything in it is lost. The roles are the
-- cluster's: each goes too, unless another database still uses it.

set role learn_owner;

drop table learn.user_difficulty_progress;
drop table learn.user_path_progress;
drop table learn.user_track_progress;
drop table learn.user_lesson_progress;
drop table learn.track_lessons;
drop table learn.exercises;
drop table learn.lessons;
drop table learn.track_prerequisites;
drop table learn.learning_path_tracks;
drop table learn.tracks;
drop table learn.learning_paths;
drop table learn.difficulties;
drop table learn.user_stats;
drop table learn.user_credentials;
drop trigger users_touch on learn.users;
drop table learn.users;
drop function learn_internal.touch_updated_at();
drop function learn_internal.set_clock(p_at timestamp with time zone);
drop function learn_internal.change_content();
drop function learn_internal.hold_content_first();
drop function learn_internal.hold_content();
drop function learn.clock();
drop table learn_internal.content_lock;
drop table learn_internal.clock_override;

reset role;

drop schema learn_internal;
drop schema learn;

do $$
declare
  v_role text;
begin
  foreach v_role in array array['learn_readonly', 'learn_app', 'learn_owner'] loop
    begin
      execute format('drop role if exists %I', v_role);
    exception
      when dependent_objects_still_exist or insufficient_privilege or object_in_use then
        raise notice 'role % stays: it is still used, or not for % to drop', v_role, current_user;
    end;
  end loop;
end;
$$;
