/* SPDX-License-Identifier: Apache-2.0 */
import java.awt.Color;
import java.awt.Graphics2D;
import java.awt.RenderingHints;
import java.awt.geom.Ellipse2D;
import java.awt.image.BufferedImage;
import java.io.File;
import javax.imageio.ImageIO;

/** Draws without a display: native libraries of the JDK, files that are made and read again. The argument is where. */
public class Picture {
    public static void main(String[] arguments) throws Exception {
        System.setProperty("java.awt.headless", "true");
        BufferedImage image = new BufferedImage(64, 48, BufferedImage.TYPE_INT_RGB);
        Graphics2D pen = image.createGraphics();
        pen.setRenderingHint(RenderingHints.KEY_ANTIALIASING, RenderingHints.VALUE_ANTIALIAS_ON);
        pen.setColor(Color.ORANGE);
        pen.fill(new Ellipse2D.Double(4, 4, 50, 40));
        for (String format : new String[] {"png", "jpg", "bmp"}) {
            File file = new File(arguments[0], "picture." + format);
            System.out.println(format + " " + ImageIO.write(image, format, file) + " " + ImageIO.read(file).getRGB(30, 20));
        }
    }
}
