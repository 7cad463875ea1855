// More than processors, because what runs side by side waits most of its time. Fixtures that measure say nothing of it: they run alone, after the others.
[assembly: LevelOfParallelism(4)]
