-- Tells users of facts by the rules: one notification for each fact that an active rule names, in the user's
-- language. Of a jump of many levels only the last one is told, also where one leads to another in the same
-- statement. Silent while the parameter learn.quiet is on, as in imports: `set local learn.quiet = on`.
-- The engine calls it for facts whose type says that it notifies.
create or replace function learn_internal.notify_facts(p_notices learn_internal.notice[])
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  n          record;
  v_rule     learn.notification_rules;
  v_user_id  uuid;
  v_locale   text;
  v_values   jsonb;                  -- of placeholders
  v_of       record;                 -- what the fact is about
  v_id       bigint;
  v_new      learn_internal.told;
  v_told     learn_internal.told[] := '{}'::learn_internal.told[];
  v_now      timestamptz;
begin
  if current_setting('learn.quiet', true) in ('on', 'true') then
    return;
  end if;
  for n in
    select l.*
    from (
      select t.*, t.subject_type in ('level', 'skill_level') as is_level,
        lead(t.fact_id) over (
          partition by t.user_id, t.activity_type, t.subject_type,
            case t.subject_type when 'level' then '' when 'skill_level' then split_part(t.subject_id, ':', 1)
              else t.fact_id::text end
          order by t.fact_id) as later
      from unnest(p_notices) t
    ) l
    where l.later is null
    order by l.user_id, l.fact_id
  loop
    if n.user_id is distinct from v_user_id then
      select u.id, u.locale into v_user_id, v_locale from learn.users u where u.id = n.user_id;
    end if;
    v_values := n.properties
      || jsonb_build_object('subject_type', n.subject_type, 'subject_id', n.subject_id);
    v_id := case when split_part(n.subject_id, ':', 1) ~ '^[0-9]{1,18}$'
      then split_part(n.subject_id, ':', 1)::bigint end;  -- subjects that others record need not be numbers
    select * into v_of from learn_internal.subject_words(n.subject_type, n.subject_id, v_id, v_locale);
    if n.activity_type = 'achievement_earned' and n.subject_type = 'achievement' then
      v_values := coalesce((
        select u.evidence
        from learn.achievements a
        join learn.user_achievements u on u.achievement_id = a.id
        where a.slug = n.subject_id and u.user_id = n.user_id), '{}') || v_values;
    end if;
    v_values := jsonb_strip_nulls(jsonb_build_object('name', v_of.name, 'slug', v_of.slug)) || v_values;

    select * into v_rule
    from learn.notification_rules k
    where k.activity_type = n.activity_type and k.is_active and v_values @> k.filter
    order by k.filter = '{}', k.type
    limit 1;
    continue when not found;
    -- a title that comes out blank, or words that come out long, must not fail what the user has just done
    v_new := (n.user_id, n.fact_id, v_rule.type,
      coalesce(nullif(learn_internal.tidy_text(left(learn_internal.fill_placeholders(
        learn.localized(v_rule.translations, v_locale, 'title', v_rule.title), v_values), 300), true), ''),
        v_rule.type),
      learn_internal.tidy_text(left(learn_internal.fill_placeholders(
        learn.localized(v_rule.translations, v_locale, 'message', v_rule.message), v_values), 10000)),
      learn_internal.fill_placeholders(v_rule.action_url, v_values, true));
    if length(v_new.action_url) > 2000 then
      v_new.action_url := null;
    end if;
    if n.is_level then
      -- the jump that this statement is on has come further
      update learn.notifications o
      set title = v_new.title, message = v_new.message, action_url = v_new.action_url, fact_id = v_new.fact_id
      where o.user_id = n.user_id and o.type = v_new.type and not o.is_read
        and o.told_in = (extract(epoch from statement_timestamp()) * 1000000)::bigint and exists (
          select from learn.activity_log f
          where f.user_id = o.user_id and f.id = o.fact_id and f.recorded_at >= o.created_at
            and f.activity_type = n.activity_type and f.subject_type = n.subject_type
            and (n.subject_type = 'level'
              or split_part(f.subject_id, ':', 1) = split_part(n.subject_id, ':', 1)));
      continue when found;
    end if;
    v_told := v_told || v_new;
  end loop;

  if cardinality(v_told) > 0 then
    v_now := learn.clock();
    insert into learn.notifications
      (user_id, type, title, message, action_url, fact_id, created_at)
    select t.user_id, t.type, t.title, t.message, t.action_url, t.fact_id, v_now
    from unnest(v_told) t
    order by t.fact_id
    on conflict (user_id, fact_id) where fact_id is not null do nothing;
  end if;
end;
$$;
comment on function learn_internal.notify_facts(learn_internal.notice[]) is
  'Tells users of facts by the rules, each fact once, and a jump of levels once.';
