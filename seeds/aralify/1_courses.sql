-- The courses of Aralify and their levels, in English with Filipino translations. Seeding again
-- brings texts and places up to date; what a deployment has published stays as it is.
select learn_internal.use_product('aralify');

with courses
  (slug, language, title, description, title_fil, description_fil, icon_url, color, position,
   estimated_hours, completion_xp)
as (values
  ('python-from-zero', 'python', 'Python from zero',
    'Your first programs, from variables to collections.',
    'Python Mula sa Simula',
    'Ang iyong mga unang programa, mula sa variable hanggang sa mga koleksiyon.',
    '/icons/python.svg', '#3776ab', 1, 6, 200),
  ('javascript-from-zero', 'javascript', 'JavaScript from zero',
    'The language of the web, from values to objects.',
    'JavaScript Mula sa Simula',
    'Ang wika ng web, mula sa mga halaga hanggang sa mga object.',
    '/icons/javascript.svg', '#f7df1e', 2, 6, 200)
)
select learn_internal.merge_rows('learn.courses', '{slug}', jsonb_agg(
  to_jsonb(c) - 'title_fil' - 'description_fil' || jsonb_build_object(
    'category', 'programming', 'translations', jsonb_build_object('fil', jsonb_build_object(
      'title', c.title_fil, 'description', c.description_fil)))
  order by c.position)) as courses
from courses c;

with levels(course, position, slug, title, description, title_fil, description_fil) as (values
  ('python-from-zero', 1, 'variables', 'Variables and types',
    'Give values a name, and know what kind of value they are.',
    'Mga Variable at Uri ng Datos',
    'Bigyan ng pangalan ang mga halaga, at alamin kung anong uri ang mga ito.'),
  ('python-from-zero', 2, 'conditions', 'Conditions',
    'Let the program decide with if, elif and else.',
    'Mga Kondisyon', 'Hayaang magpasya ang programa gamit ang if, elif at else.'),
  ('python-from-zero', 3, 'loops', 'Loops',
    'Repeat work without repeating yourself.',
    'Mga Loop', 'Ulitin ang gawain nang hindi inuulit ang code.'),
  ('python-from-zero', 4, 'functions', 'Functions',
    'Give a piece of work a name and use it again.',
    'Mga Function', 'Pangalanan ang isang gawain at gamitin itong muli.'),
  ('python-from-zero', 5, 'collections', 'Lists and dictionaries',
    'Keep many values together, in order or by name.',
    'Mga Listahan at Diksiyonaryo',
    'Pagsamahin ang maraming halaga, ayon sa pagkakasunod-sunod o sa pangalan.'),
  ('javascript-from-zero', 1, 'values', 'Values and variables',
    'Numbers, texts and truth, and names for them.',
    'Mga Halaga at Variable', 'Mga numero, teksto at katotohanan, at ang mga pangalan nila.'),
  ('javascript-from-zero', 2, 'decisions', 'Decisions',
    'Compare values and choose what happens next.',
    'Mga Pagpapasya', 'Paghambingin ang mga halaga at piliin ang susunod na mangyayari.'),
  ('javascript-from-zero', 3, 'loops', 'Loops',
    'Do something for each of many values.',
    'Mga Loop', 'Gawin ang isang bagay para sa bawat isa sa maraming halaga.'),
  ('javascript-from-zero', 4, 'functions', 'Functions and arrows',
    'Functions are values too: name them, pass them on.',
    'Mga Function at Arrow',
    'Mga halaga rin ang mga function: pangalanan at ipasa ang mga ito.'),
  ('javascript-from-zero', 5, 'objects', 'Arrays and objects',
    'Lists of values, and things with properties.',
    'Mga Array at Object', 'Mga listahan ng halaga, at mga bagay na may katangian.')
)
select learn_internal.merge_rows('learn.course_levels', '{course_id, slug}', jsonb_agg(
  jsonb_build_object('course_id', c.id, 'slug', l.slug, 'title', l.title,
    'description', l.description, 'position', l.position,
    'translations', jsonb_build_object('fil', jsonb_build_object(
      'title', l.title_fil, 'description', l.description_fil)))
  order by c.position, l.position)) as levels
from levels l
join learn.courses c on c.slug = l.course;
