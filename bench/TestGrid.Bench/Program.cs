using TestGrid.Bench;

// `dotnet run -c Release --project bench/TestGrid.Bench` measures everything and prints one table for each question.
// `serve-docker …` is a child of the measurement itself: the same server with `docker run` in the engine's place.
return args switch
{
    ["serve-docker", var data, var bundles, var docker] => await DockerServer.RunAsync(data, bundles, docker),
    _ => await Measurement.RunAsync(args),
};
