using TestGrid.Core.Bundles;

namespace TestGrid.Core.Config;

/// <summary>What runs beside a job, on its localhost.</summary>
/// <param name="Name">Travis's word for it: <c>postgresql</c>.</param>
/// <param name="Bundle">The recipe of the bundle it runs in: <c>service-postgresql</c>.</param>
/// <param name="Service">How it is started, and how one sees that it is ready.</param>
public sealed record JobService(string Name, string Bundle, RecipeService Service);
